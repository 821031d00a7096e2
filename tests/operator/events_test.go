package operator

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// The outage and the return of a fleet's store are one event each for subscribers of
// Caddy's events.
func TestAnOutageIsAnEvent(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "events"), Global: "debug"})
	redis.Stop()
	harness.Eventually(t, 20*time.Second, "the outage is an event", func() bool { return strings.Contains(g.Logs(), `"store_down"`) })
	redis.Restart()
	harness.Eventually(t, 20*time.Second, "its end is one", func() bool { return strings.Contains(g.Logs(), `"store_up"`) })
	logs := g.Logs()
	for event, says := range map[string]string{`"store_down"`: "lease_left_seconds", `"store_up"`: "after_seconds"} {
		if n := strings.Count(logs, event); n != 1 {
			t.Errorf("%s is there %d times", event, n)
		}
		if !strings.Contains(logs, says) {
			t.Errorf("%s does not say %s", event, says)
		}
	}
}
