package faults

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// checkClosed fails the test unless the gate refuses every request that needs the set of
// revocations, which it has never read. It must serve all others.
func checkClosed(t *testing.T, g *harness.Gate, token string) {
	t.Helper()
	checkRefusing(t, g, token, answers.Unavailable)
}

// checkRefusing is checkClosed for a gate with another answer to a DELETE.
func checkRefusing(t *testing.T, g *harness.Gate, token string, ended answers.Answer) {
	t.Helper()
	answers.Unavailable.Check(t, harness.Get(t, g, token))
	ended.Check(t, harness.End(t, g, token))
	answers.Unavailable.Check(t, harness.End(t, g, token, `{"session_id":"another"}`))
	answers.NoToken.Check(t, g.Send(t, "GET", "/"))
	answers.BadToken.Check(t, harness.Get(t, g, g.Token(map[string]any{"aud": "other-app"})))
	answers.BadBody.Check(t, harness.End(t, g, token, `[]`))
	harness.CheckUnreached(t, g)
	harness.CheckAdmitted(t, g.Send(t, "GET", "/healthz"))
	g.Upstream.Take()
}

// Attack: restart the gate while its store is unreachable, so that it forgets revocations.
// It must admit nothing before it has read the whole set.
func TestGateAdmitsNothingBeforeItsFirstSync(t *testing.T) {
	t.Parallel()
	t.Run("redis that is away", func(t *testing.T) {
		redis := redistest.Start(t, redistest.Config("appendonly yes"))
		store := harness.Redis(redis.Addr(), "test")
		before := harness.Start(t, harness.Config{Store: store})
		revoked := before.Token(harness.Session("revoked"))
		answers.Invalidated.Check(t, harness.End(t, before, revoked))
		before.Stop()

		redis.Stop()
		g := harness.Start(t, harness.Config{Store: store, Key: before.Key, Gate: "public /healthz", Unready: true})
		checkClosed(t, g, g.Token(nil))
		for probe, want := range map[string]int{"/livez": 200, "/startupz": 503, "/readyz": 503} {
			if got := g.Probe(probe); got != want {
				t.Errorf("%s is %d, want %d", probe, got, want)
			}
		}
		redis.Restart()
		harness.Recovers(t, g, g.Token(nil))
		answers.BadToken.Check(t, harness.Get(t, g, revoked))
		for _, probe := range []string{"/livez", "/startupz", "/readyz"} {
			if got := g.Probe(probe); got != 200 {
				t.Errorf("%s is %d, want 200", probe, got)
			}
		}
	})
	// Attack: damage the file, so that the gate begins with an empty set.
	t.Run("bolt that is damaged", func(t *testing.T) {
		g := harness.Start(t, harness.Config{Store: "store bolt {$GATE_DIR}/revocations.db", Gate: "public /healthz"})
		token := g.Token(harness.Session("revoked"))
		answers.Invalidated.Check(t, harness.End(t, g, token))
		g.Stop()
		path := filepath.Join(g.Dir(), "revocations.db")
		sound, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for name, content := range map[string][]byte{"emptied": nil, "overwritten": make([]byte, len(sound))} {
			t.Run(name, func(t *testing.T) {
				if err := os.WriteFile(path, content, 0o600); err != nil {
					t.Fatal(err)
				}
				damaged := harness.Start(t, harness.Config{
					Store: "store bolt " + path, Gate: "public /healthz", Key: g.Key, Unready: true,
				})
				checkClosed(t, damaged, damaged.Token(nil))
				if got := damaged.Probe("/readyz"); got != 503 {
					t.Errorf("/readyz is %d, want 503", got)
				}
			})
		}
		if err := os.WriteFile(path, sound, 0o600); err != nil {
			t.Fatal(err)
		}
		g.Restart()
		answers.BadToken.Check(t, harness.Get(t, g, token))
		harness.CheckAdmitted(t, harness.Get(t, g, g.Token(nil)))
	})
}

// Attack: cut a gate off from its store, so that it continues with a set in which the
// stolen session is not yet revoked. After its lease it must admit nothing.
func TestGateIsFencedWhileItsStoreIsFrozen(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{
		Store: harness.Redis(redis.Addr(), "test"), App: "lease 1s", Gate: "public /healthz",
		Site: "log\nlog_append reason {http.session_gate.reason}",
	})
	token, stolen := g.Token(harness.Session("laptop")), g.Token(harness.Session("stolen"))
	harness.See(t, g, token, stolen)

	redis.Freeze()
	answers.Unconfirmed.Check(t, harness.End(t, g, stolen))
	harness.Eventually(t, 5*time.Second, "the gate is fenced", func() bool { return harness.Get(t, g, token).Status == 503 })
	g.Upstream.Take()
	// A fenced gate revokes the session at itself only, for now.
	checkRefusing(t, g, g.Token(harness.Session("phone")), answers.Unconfirmed)
	answers.Unavailable.Check(t, g.Send(t, "GET", "/of/fenced", harness.Bearer(token)))
	if line := harness.AccessOf(t, g, "/of/fenced"); line.Status != 503 || line.Reason != "unavailable" {
		t.Errorf("access log says %+v, want 503 and unavailable", line)
	}
	// A gate that refuses stays in its Service. An outage of the shared store would
	// otherwise empty the Service at once.
	if got := g.Probe("/readyz"); got != 200 {
		t.Errorf("/readyz is %d, want 200 with readiness lenient", got)
	}

	redis.Thaw()
	harness.Recovers(t, g, token)
	// The outcome of the first call was unknown; repeating the call is safe.
	if got := harness.End(t, g, stolen); got.Status != 200 && got.Status != 404 {
		t.Errorf("repeated DELETE is answered %d %s, want 200 or 404", got.Status, got.Body)
	}
	answers.BadToken.Check(t, harness.Get(t, g, stolen))
}

// With readiness strict, a gate that refuses is not ready either.
func TestStrictReadinessFollowsTheFence(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "test"), App: "lease 500ms\nreadiness strict"})
	redis.Freeze()
	harness.Eventually(t, 5*time.Second, "/readyz is 503", func() bool { return g.Probe("/readyz") == 503 })
	if got := g.Probe("/livez"); got != 200 {
		t.Errorf("/livez is %d, want 200: a restart does not repair a store", got)
	}
	redis.Thaw()
	harness.Eventually(t, 15*time.Second, "/readyz is 200", func() bool { return g.Probe("/readyz") == 200 })
}
