package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

const (
	// long is the shortest run in which the clocks of gates are stepped, too. That takes a
	// second binary.
	long = time.Minute
	// perFleet is how long one fleet is used, in a long run.
	perFleet = time.Minute
)

// kinds are the kinds of fleets. round is how long faults happen before all of them end.
// The fleet must then recover within limit.
var kinds = []struct {
	name         string
	start        func(tb testing.TB, seed uint64, binary string) *Fleet
	round, limit time.Duration
}{
	{"one Redis", StartMixed, 8 * time.Second, 3*guardedLease + Slack},
	{"a primary with replicas", StartWatched, 12 * time.Second, replaced},
}

// Attack: use a session after its end. Meanwhile gates, network, Redis and clocks fail in
// every way at once, primaries are replaced, and all gates have different configurations.
// No request that begins after the 200 is admitted.
func TestChaos(t *testing.T) {
	if *length < long {
		t.Parallel()
	}
	first, binary := *seed, ""
	if first == 0 {
		first = rand.Uint64N(1 << 32)
	}
	if *length >= long {
		binary = Stepped(t)
	}
	began, all := time.Now(), results{}
	for number := first; time.Since(began) < *length && !t.Failed(); number++ {
		kind := kinds[number%uint64(len(kinds))]
		t.Run(fmt.Sprintf("%s, seed %d", kind.name, number), func(t *testing.T) {
			f := kind.start(t, number, binary)
			r := inRounds(t, f, number, min(perFleet, *length/2), kind.round, kind.limit)
			all.add(r)
			if t.Failed() {
				again := min(2*r.lasted, long-time.Second)
				if binary != "" {
					again = max(2*r.lasted, long)
				}
				t.Errorf("replay with: go test ./tests/chaos -run 'TestChaos$' -seed %d -length %v", number, again.Round(time.Second))
			}
		})
	}
	if *length >= long && all.logins == 0 {
		t.Error("no later login was admitted in a session that had ended")
	}
	t.Logf("seeds from %d: %+v", first, all)
}

// results are the results of one fleet, or of all.
type results struct {
	lasted                 time.Duration
	fleets, rounds, faults int
	admitted, confirmed    int
	// logins are admitted requests of later logins in sessions that have ended.
	logins int
	// excusedRefusals are refusals of sessions that nobody ended, while clocks were wrong.
	// relogins are the fleets that refused every session after that.
	excusedRefusals, relogins int
	slowest                   Recovery
}

func (r *results) add(other results) {
	r.lasted += other.lasted
	r.fleets++
	r.rounds += other.rounds
	r.faults += other.faults
	r.admitted += other.admitted
	r.confirmed += other.confirmed
	r.logins += other.logins
	r.excusedRefusals += other.excusedRefusals
	r.relogins += other.relogins
	r.slowest.Admits = max(r.slowest.Admits, other.slowest.Admits)
	r.slowest.Confirms = max(r.slowest.Confirms, other.slowest.Confirms)
}

// inRounds runs faults on a fleet, round after round. In every other round clocks fail,
// too. In the other rounds, a refusal of a session that nobody ended fails the test.
func inRounds(t *testing.T, f *Fleet, number uint64, lasts, round, limit time.Duration) (r results) {
	traffic := StartTraffic(t, f)
	began := time.Now()
	for clocks := number/2%2 == 0; r.lasted < lasts && !t.Failed(); clocks = !clocks {
		faults := slices.DeleteFunc(f.Faults(), func(fault Fault) bool { return fault.OfClocks() && !clocks })
		plan := Plan(number+uint64(r.rounds)<<32, round, len(f.Gates), faults)
		t.Logf("%9v  round %d", f.Oracle.since(time.Now()), r.rounds)
		confirmed := traffic.Figures.Confirmed()
		f.Oracle.Excuse(clocks)
		r.faults += Play(t, f, plan)
		r.rounds++
		recovery, ok := f.comesBack(t, limit)
		r.lasted = time.Since(began)
		r.slowest.Admits, r.slowest.Confirms = max(r.slowest.Admits, recovery.Admits), max(r.slowest.Confirms, recovery.Confirms)
		if !ok {
			r.relogins++
			break
		}
		if traffic.Figures.Confirmed() == confirmed {
			t.Error("no DELETE was confirmed in this round")
		}
		if f.Oracle.Count() > 0 {
			break
		}
	}
	traffic.Stop()
	f.Check(t)
	r.admitted, r.confirmed, r.logins = traffic.Figures.Admitted(), traffic.Figures.Confirmed(), traffic.Figures.Logins()
	r.excusedRefusals = f.Oracle.ExcusedRefusals()
	t.Logf("%d faults under %v; %d refusals were excused; all gates admitted %v and confirmed %v after the last fault of a round, at the latest",
		r.faults, &traffic.Figures, r.excusedRefusals, r.slowest.Admits, r.slowest.Confirms)
	return r
}

// comesBack waits until the fleet has recovered, and refuses no session that nobody ended.
// It reports false if clocks were wrong and a floor was raised. Then all users have to log
// in again, and the fleet cannot be used further. Without a floor, a gate that still
// refuses after its clock is right fails the test.
func (f *Fleet) comesBack(t *testing.T, limit time.Duration) (Recovery, bool) {
	t.Helper()
	if f.watched != nil {
		harness.Eventually(t, failoverLimit, "the failover is over", f.watched.followed)
	}
	if !f.Oracle.Excused() {
		return f.Recovers(t, limit), true
	}
	began, live := time.Now(), []Session{f.NewSession(), f.NewSession()}
	var last [gates]int
	ok := repeat(limit, func() bool {
		for gate := range f.Gates {
			for _, s := range live {
				if last[gate] = f.Request(gate, s).Status; last[gate] != admitted {
					return false
				}
			}
		}
		return true
	})
	if !ok && slices.Contains(last[:], refused) {
		for gate, g := range f.Gates {
			health := g.Admin(t, "GET", "/session_gate/health").Body
			t.Logf("gate %d still refuses everything: %s", gate, health)
			if last[gate] == refused && !strings.Contains(health, `"floor"`) {
				t.Errorf("gate %d refuses a session that nobody ended, without a floor", gate)
			}
		}
		return Recovery{}, false
	}
	f.Oracle.Excuse(false)
	return f.Recovers(t, max(limit-time.Since(began), time.Second)), true
}
