package metrics

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// grew returns how much the values of a metric have grown, over all labels.
func grew(m harness.Metrics, name string) (sum float64) {
	for key, value := range m {
		if strings.HasPrefix(key, name+"{") {
			sum += value
		}
	}
	return sum
}

// Fault: Redis stops answering. The metrics say so before the lease is over, when it is, what is
// pending, and that it is over.
func TestAnOutageOfRedisShows(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	store := harness.Redis(redis.Addr(), "metrics")
	a := harness.Start(t, harness.Config{Store: store})
	b := harness.Start(t, harness.Config{Store: store, Key: a.Key, Upstream: a.Upstream})
	harness.Eventually(t, 10*time.Second, "both gates are seen", func() bool { return a.Metrics(t)["gates"] == 2 && b.Metrics(t)["gates"] == 2 })
	before := a.Metrics(t)
	if left := before["lease_remaining_seconds"]; left <= 0 || left > 1 {
		t.Errorf("%v s are left of a lease of a second", left)
	}
	before.Check(t, harness.Metrics{"fenced": 0, "store_up": 1, "revocations_pending": 0})

	token := a.Token(harness.Session("pending", "auth_time", nil))
	harness.CheckAdmitted(t, harness.Get(t, a, token))
	redis.Stop()
	harness.Eventually(t, 10*time.Second, "the gate is fenced", func() bool { return a.Metrics(t)["fenced"] == 1 })
	a.Metrics(t).Check(t, harness.Metrics{"store_up": 0, "lease_remaining_seconds": 0})
	answers.Unconfirmed.Check(t, harness.End(t, a, token))
	harness.Eventually(t, 10*time.Second, "the fenced time is counted", func() bool {
		return a.Metrics(t).Since(before)["fenced_seconds_total"] > 0.5
	})
	during := a.Metrics(t).Since(before)
	during.Check(t, harness.Metrics{"revocations_pending": 1, `revocations_total{kind="session",result="pending",source="endpoint"}`: 1})
	if grew(during, "store_errors_total") == 0 || during[`store_errors_total{operation="heartbeat"}`] == 0 {
		t.Errorf("no failed call is counted: %v", during)
	}
	redis.Restart()
	harness.Eventually(t, 20*time.Second, "the gate admits", func() bool { return a.Metrics(t)["fenced"] == 0 })
	harness.Eventually(t, 20*time.Second, "nothing is pending", func() bool { return a.Metrics(t)["revocations_pending"] == 0 })
	after := a.Metrics(t)
	after.Check(t, harness.Metrics{"store_up": 1})
	after.Since(before).Check(t, harness.Metrics{
		`revocations_total{kind="session",result="everywhere",source="endpoint"}`: 1, `repairs_total{cause="generation"}`: 1,
	})
	if d := after.Since(before)["revocation_duration_seconds_sum"]; d < 0.5 {
		t.Errorf("the revocation took %v s, also while Redis was away", d)
	}
}

// Fault: a reload to another store, or with another word, begins all counts at zero.
func TestCountsSurviveReloads(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	for i := range 5 {
		token := g.Token(harness.Session("s" + string(rune('a'+i))))
		harness.CheckAdmitted(t, harness.Get(t, g, token))
		answers.Invalidated.Check(t, harness.End(t, g, token))
	}
	before := g.Metrics(t)
	for _, config := range []harness.Config{
		{App: "leeway 20s"}, {Store: "store bolt {$GATE_DIR}/another.db"}, {Store: harness.Redis(redistest.Address(t))}, {Store: "store memory"}, {},
	} {
		harness.Load(t, g, config)
		after := g.Metrics(t)
		for name, value := range before {
			family, _, _ := strings.Cut(name, "{")
			if counts := strings.HasSuffix(family, "_total") || strings.HasPrefix(family, "revocation_duration_seconds"); counts && after[name] < value {
				t.Errorf("with %+v, %s fell from %v to %v", config, name, value, after[name])
			}
		}
	}
	if err := g.Load(t, harness.Config{App: "retentoin 1h"}); err == nil {
		t.Error("a wrong configuration was loaded")
	}
	g.Metrics(t).Check(t, harness.Metrics{`requests_total{outcome="admitted"}`: before[`requests_total{outcome="admitted"}`]})
}
