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
	// faults happen at random times. traps wait for a harmful moment.
	faults, traps []fault
	// scene changes the world before the run begins. It may be nil.
	scene func(w *world, draw *stream)
	// strict forbids refusals without a reason. If a gate with a right clock refuses a
	// token that was never revoked, that is a violation. The rule ends when data was lost
	// and no gate can tell what.
	strict bool
}

// survived lists the profiles that the code survives, except storms. The default run takes
// them in turn, with three storms before each.
var survived = []*profile{
	ordinary, pages, seasons, reloads, mixed, clocksAhead, clocksBehind, clocks, retentions, leases, repeats, acknowledges, primaries,
	turmoil, calendar, rollbacks, logins,
}

// rare are profiles that the code survives and that cost too much for the default run.
var rare = []*profile{crowd}

// refused lists profiles that no protocol survives. The product refuses such
// configurations.
var refused = []*profile{split}

var profileName = flag.String("profile", "", "run this profile alone; by default those that the code survives, in turn")

// profileOf returns the profile for a seed.
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

// every returns all profiles.
func every() []*profile {
	return slices.Concat([]*profile{storms}, survived, rare, refused)
}

// replay returns the command that runs a seed again.
func (p *profile) replay(seed uint64) string {
	return fmt.Sprintf("go test ./store/replica/simulation -run '^TestSimulation$' -profile %s -seed %d -v", p.name, seed)
}
