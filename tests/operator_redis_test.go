package tests

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// operated is the lease of the fleets that are bootstrapped here.
const operated = 500 * time.Millisecond

// manually is a gate of a fleet whose log is opened by an operator only.
func manually(redis *redistest.Server, before *harness.Gate) harness.Config {
	config := harness.Config{Store: harness.Redis(redis.Addr(), "operated"), App: "lease 500ms\nbootstrap manual", Unready: true}
	if before != nil {
		config.Key = before.Key
	}
	return config
}

// checkStaysClosed fails the test if one of the gates admits a token while any
// lease could open its log by itself.
func checkStaysClosed(t *testing.T, token string, gates ...*harness.Gate) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 4*operated; {
		for _, g := range gates {
			unavailable.check(t, get(t, g, token))
		}
	}
}

// checkBootstrap fails the test unless the command `bootstrap` opens the log at a
// gate.
func checkBootstrap(t *testing.T, g *harness.Gate) {
	t.Helper()
	printed, code := operate(t, g, "bootstrap")
	if code != 0 || !strings.Contains(printed, "Other gates follow.") || !strings.Contains(printed, "The log is open, and this gate admits requests.") {
		t.Errorf("bootstrap exits with %d and prints\n%s", code, printed)
	}
}

// Fault: what looks like a new namespace is the fleet's, whose Redis lost
// everything while no gate ran. Under `bootstrap manual` nothing is admitted until
// somebody has looked.
func TestOperatorOpensANewNamespace(t *testing.T) {
	redis := redistest.Start(t)
	a := harness.Start(t, manually(redis, nil))
	b := harness.Start(t, manually(redis, a))
	token := a.Token(session("laptop"))
	harness.Eventually(t, 10*time.Second, "the gates have heard of the log", func() bool {
		return state(t, a).State == "repair" && state(t, b).State == "repair"
	})
	checkStaysClosed(t, token, a, b)
	checkHealth(t, a, 1, "The gate refuses every guarded request with 503.", "may have lost revocations", "then run: caddy session-gate bootstrap",
		"repair, generation", "500ms, never had")
	if got := a.Probe("/readyz"); got != 503 {
		t.Errorf("/readyz is %d, want 503", got)
	}

	checkBootstrap(t, b)
	recovers(t, a, token)
	recovers(t, b, token)
	checkHealth(t, a, 0, "The gate admits requests.", `redis, namespace "operated"`, "2 live")
	invalidated.check(t, end(t, a, token))
	badToken.check(t, get(t, b, token))
	if printed, code := operate(t, b, "bootstrap"); code != 1 || !strings.Contains(printed, "HTTP 409") || !strings.Contains(printed, "nothing to open") {
		t.Errorf("bootstrap of an open log exits with %d and prints\n%s", code, printed)
	}

	// Attack, and fault: everything is deleted, and every gate restarted. What
	// was revoked is forgotten for good, so that somebody must decide.
	a.Stop()
	b.Stop()
	redis.Do("FLUSHALL")
	a, b = harness.Start(t, manually(redis, a)), harness.Start(t, manually(redis, a))
	checkStaysClosed(t, token, a, b)
	checkBootstrap(t, a)
	recovers(t, a, a.Token(session("phone")))
	recovers(t, b, a.Token(session("phone")))
}

// Fault: everything in Redis is deleted while gates run. They vouch for what
// they hold, so that nobody has to be woken.
func TestLivingGateNeedsNoOperator(t *testing.T) {
	redis := redistest.Start(t)
	a := harness.Start(t, manually(redis, nil))
	harness.Eventually(t, 10*time.Second, "the gate has heard of the log", func() bool { return state(t, a).State == "repair" })
	checkBootstrap(t, a)
	live, revoked := a.Token(session("lives on")), a.Token(session("revoked"))
	invalidated.check(t, end(t, a, revoked))
	lost := state(t, a).Generation
	redis.Do("FLUSHALL")
	harness.Eventually(t, 10*time.Second, "the gate has opened another log", func() bool {
		now := state(t, a)
		return now.Generation != "" && now.Generation != lost && now.State != "repair" && !now.Fenced
	})
	recovers(t, a, live)
	badToken.check(t, get(t, a, revoked))
	// What it held is on the log again: a gate that starts now refuses it too.
	b := harness.Start(t, manually(redis, a))
	recovers(t, b, live)
	badToken.check(t, get(t, b, revoked))
	if n := strings.Count(a.Logs(), "an operator lets the log be opened"); n != 1 {
		t.Errorf("the log says %d times that an operator opened the log, want once", n)
	}
}

// Where nobody shall be woken, a log opens by itself: of a new namespace, and of
// one that was lost with every gate.
func TestBootstrapAutoOpensByItself(t *testing.T) {
	redis := redistest.Start(t)
	config := harness.Config{Store: harness.Redis(redis.Addr(), "auto"), App: "lease 500ms\nbootstrap auto"}
	a := harness.Start(t, config)
	checkHealth(t, a, 0, "The gate admits requests.")
	a.Stop()
	redis.Do("FLUSHALL")
	config.Key = a.Key
	checkAdmitted(t, get(t, harness.Start(t, config), a.Token(nil)))
}

// Fault: Redis hangs. The state tells it for what it is, and an operator
// is not told to give anything up.
func TestOperatorIsToldThatTheStoreIsAway(t *testing.T) {
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "away"), App: "lease 500ms"})
	redis.Freeze()
	harness.Eventually(t, 10*time.Second, "the gate is fenced", func() bool { return state(t, g).Fenced })
	checkHealth(t, g, 1, "The gate refuses every guarded request with 503.", "the store cannot be used", "mend the store", "error")
	if got := state(t, g); !got.Synced || !got.Degraded || got.Error == "" {
		t.Errorf("the state is %+v", got)
	}
	redis.Thaw()
	harness.Eventually(t, 15*time.Second, "the gate admits", func() bool { return !state(t, g).Fenced })
	checkHealth(t, g, 0, "The gate admits requests.\n")
}
