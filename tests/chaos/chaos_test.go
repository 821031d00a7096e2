package chaos

import (
	"math/rand/v2"
	"testing"
	"time"
)

// round is for how long faults happen before all of them end, and the fleet has to
// recover.
const round = 8 * time.Second

// Attack: use a session after its end while gates, network and Redis fail in every
// way at once. No request is admitted that begins after the 200.
func TestChaos(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64N(1 << 32)
	}
	f := StartFleet(t, 3, Logged())
	traffic := StartTraffic(t, f)
	faults, slowest := 0, Recovery{}
	for i := uint64(0); time.Duration(i)*round < *length; i++ {
		confirmed := traffic.Figures.Confirmed()
		t.Logf("round of seed %d", first+i)
		faults += Play(t, f, Plan(first+i, round, len(f.Gates)))
		r := f.Recovers(t, 3*Lease+Slack)
		slowest.Admits, slowest.Confirms = max(slowest.Admits, r.Admits), max(slowest.Confirms, r.Confirms)
		if traffic.Figures.Confirmed() == confirmed {
			t.Error("no DELETE was confirmed in this round")
		}
		if f.Oracle.Count() > 0 || t.Failed() {
			t.Errorf("replay with: go test ./tests/chaos -run 'TestChaos$' -seed %d -length 1s", first+i)
			break
		}
	}
	traffic.Stop()
	f.Check(t)
	t.Logf("seed %d: %d faults under %v; all gates admitted %v and confirmed %v after the last fault of a round, at the latest",
		first, faults, &traffic.Figures, slowest.Admits, slowest.Confirms)
}
