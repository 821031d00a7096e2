package simulation

import (
	"flag"
	"fmt"
	"slices"
	"testing"
)

// profile is a named set of faults, and the world in which they happen.
type profile struct {
	name string
	// faults can go wrong, and traps wait for their moment.
	faults, traps []fault
	// scene changes the world before the run begins. Nil leaves it.
	scene func(w *world, draw *stream)
	// strict says that nobody may be logged out without a reason: a gate whose clock is
	// right, and that refuses a token which nobody revoked, is a violation until
	// something was lost of which no gate can tell what it was.
	strict bool
}

// survived are the profiles beside storms that the code survives. The default run takes
// them in turn, with three storms before each.
var survived = []*profile{
	ordinary, pages, seasons, reloads, mixed, clocksAhead, clocksBehind, clocks, retentions, leases, repeats, acknowledges, primaries,
	turmoil, calendar, rollbacks,
}

// rare are profiles that the code survives and that cost too much for the default run.
var rare = []*profile{crowd}

// refused are profiles of what no rule survives: the configuration is refused.
var refused = []*profile{split}

var profileName = flag.String("profile", "", "run this profile alone; by default those that the code survives, in turn")

// profileOf returns the profile in which a seed is run.
func profileOf(tb testing.TB, seed uint64) *profile {
	switch {
	case *profileName != "":
	case seed%4 != 0:
		return storms
	default:
		return survived[seed/4%uint64(len(survived))]
	}
	var names []string
	for _, p := range every() {
		if p.name == *profileName {
			return p
		}
		names = append(names, p.name)
	}
	tb.Fatalf("no profile %q: there are %q", *profileName, names)
	return nil
}

// every returns all profiles that there are.
func every() []*profile {
	return slices.Concat([]*profile{storms}, survived, rare, refused)
}

// replay is the command that runs a seed again.
func (p *profile) replay(seed uint64) string {
	return fmt.Sprintf("go test ./store/replica/simulation -run '^TestSimulation$' -profile %s -seed %d -v", p.name, seed)
}
