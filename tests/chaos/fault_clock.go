package chaos

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/chaos/stepped"
)

const (
	// lifetime is the longest lifetime of tokens in a mixed fleet. Half of it has passed
	// when a token is first sent. So a clock that is a day off refuses none of them.
	lifetime = 61 * time.Hour
	// forgets is an offset at which every revocation, and every token, counts as expired.
	forgets = 130 * time.Hour
	// wrong is how long a clock may be off.
	wrong = 6 * time.Second
)

// steps are the offsets of a clock.
var steps = []time.Duration{
	time.Second, 5 * time.Second, 90 * time.Second, time.Hour, 27 * time.Hour, forgets,
	-time.Second, -5 * time.Second, -90 * time.Second, -time.Hour, -27 * time.Hour, -forgets,
}

func step(size float64) time.Duration { return steps[int(size*float64(len(steps)))] }

// clocks holds the clocks of a fleet that a test steps.
type clocks struct {
	redis bool
	gates string // the binary whose clock can be stepped, or ""
}

// faultsOfClocks returns the steps of the fleet's clocks that can be stepped.
func (f *Fleet) faultsOfClocks() (faults []Fault) {
	if f.clocks.redis {
		faults = append(faults, Fault{
			Name: "off", On: OnRedisClock, Longest: wrong,
			Begin: func(tb testing.TB, f *Fleet, _ int, size float64) { f.setRedisClock(tb, step(size)) },
			End:   func(tb testing.TB, f *Fleet, _ int, _ float64) { f.setRedisClock(tb, 0) },
		})
	}
	if f.clocks.gates != "" {
		faults = append(faults, Fault{
			Name: "off", On: OnGateClock, Longest: wrong,
			Begin: func(tb testing.TB, f *Fleet, gate int, size float64) { f.Gates[gate].setClock(tb, step(size)) },
			End:   func(tb testing.TB, f *Fleet, gate int, _ float64) { f.Gates[gate].setClock(tb, 0) },
		})
	}
	if f.clocks.redis && f.clocks.gates != "" {
		// A gate forgets revocations only if two clocks are ahead together.
		faults = append(faults, Fault{
			Name: "far ahead, and that of a gate too", On: OnRedisClock, Also: OnGateClock, Longest: wrong,
			Begin: func(tb testing.TB, f *Fleet, gate int, _ float64) {
				f.setRedisClock(tb, forgets)
				f.Gates[gate].setClock(tb, forgets)
			},
			End: func(tb testing.TB, f *Fleet, gate int, _ float64) {
				f.setRedisClock(tb, 0)
				f.Gates[gate].setClock(tb, 0)
			},
		})
	}
	return faults
}

// setRedisClock sets the offset of Redis's clock, or with replicas that of the primary's
// clock. All other clocks are right.
func (f *Fleet) setRedisClock(tb testing.TB, off time.Duration) {
	tb.Helper()
	if f.watched == nil {
		f.Redis.SetClock(off)
		return
	}
	for _, server := range f.watched.servers {
		server.SetClock(0)
	}
	f.watched.leads(tb).SetClock(off)
}

// setClock sets the offset of the gate's wall clock.
func (g *Gate) setClock(tb testing.TB, off time.Duration) {
	tb.Helper()
	if err := stepped.Set(g.clock, off); err != nil {
		tb.Fatalf("setting the clock of a gate: %v", err)
	}
}
