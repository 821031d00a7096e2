package chaos

import (
	"testing"
)

// Fault (F26): the configuration of three gates is changed a hundred times while
// sessions are used and ended at all of them. The fleet goes on as if nothing
// happened.
func TestReloadsOfAFleet(t *testing.T) {
	t.Parallel()
	const reloads = 102
	f := StartFleet(t, 3)
	traffic := StartTraffic(t, f)
	for i := range reloads {
		reload(t, f, i%len(f.Gates), 0)
	}
	f.Recovers(t, witnessed)
	traffic.Stop()
	f.Check(t)
	t.Logf("%d reloads under %v", reloads, &traffic.Figures)
	if confirmed := traffic.Figures.Confirmed(); confirmed < reloads {
		t.Errorf("%d DELETEs were confirmed during %d reloads", confirmed, reloads)
	}
}
