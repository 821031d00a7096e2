package chaos

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// Fault: the configuration of three gates is changed a hundred times while sessions are
// used and ended at all of them. The fleet is not affected: DELETEs are confirmed after
// each reload.
func TestReloadsOfAFleet(t *testing.T) {
	t.Parallel()
	const reloads = 102
	f := StartFleet(t, 3)
	traffic := StartTraffic(t, f)
	for i := range reloads {
		confirmed := traffic.Figures.Confirmed()
		reload(t, f, i%len(f.Gates), 0)
		harness.Eventually(t, Slack, "a DELETE is confirmed after a reload", func() bool {
			return traffic.Figures.Confirmed() > confirmed
		})
	}
	f.Recovers(t, witnessed)
	traffic.Stop()
	f.Check(t)
	t.Logf("%d reloads under %v", reloads, &traffic.Figures)
}
