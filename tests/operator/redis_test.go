package operator

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// operated is the lease of the fleets in these bootstrap tests.
const operated = 500 * time.Millisecond

// manually returns a gate of a fleet whose revocation log only an operator opens.
func manually(redis *redistest.Server, before *harness.Gate) harness.Config {
	config := harness.Config{Store: harness.Redis(redis.Addr(), "operated"), App: "lease 500ms\nbootstrap manual", Unready: true}
	if before != nil {
		config.Key = before.Key
	}
	return config
}

// checkStaysClosed fails the test if one of the gates admits a token within the time in
// which its revocation log could open by itself.
func checkStaysClosed(t *testing.T, token string, gates ...*harness.Gate) {
	t.Helper()
	for began := time.Now(); time.Since(began) < 4*operated; {
		for _, g := range gates {
			answers.Unavailable.Check(t, harness.Get(t, g, token))
		}
	}
}

// checkBootstrap fails the test unless the command `bootstrap` opens the revocation log at
// a gate.
func checkBootstrap(t *testing.T, g *harness.Gate) {
	t.Helper()
	printed, code := operating.Operate(t, g, "bootstrap")
	if code != 0 || !strings.Contains(printed, "The other gates follow.") || !strings.Contains(printed, "The revocation log is open, and this gate admits requests.") {
		t.Errorf("bootstrap exits with %d and prints\n%s", code, printed)
	}
}

// Fault: a namespace looks new, but belongs to a fleet whose Redis lost everything while no
// gate ran. With `bootstrap manual` nothing is admitted until an operator has looked at it.
func TestOperatorOpensANewNamespace(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	a := harness.Start(t, manually(redis, nil))
	b := harness.Start(t, manually(redis, a))
	token := a.Token(harness.Session("laptop"))
	harness.Eventually(t, 10*time.Second, "the gates have heard of the log", func() bool {
		return operating.StateOf(t, a).State == "repair" && operating.StateOf(t, b).State == "repair"
	})
	checkStaysClosed(t, token, a, b)
	operating.CheckHealth(t, a, 1, "The gate refuses every guarded request with 503.", "the store is new", "if this is the first start of this fleet, run: caddy session-gate bootstrap; if not, find out who emptied the store",
		"repair (new), generation", "500ms, never had")
	if got := a.Probe("/readyz"); got != 503 {
		t.Errorf("/readyz is %d, want 503", got)
	}

	checkBootstrap(t, b)
	harness.Recovers(t, a, token)
	harness.Recovers(t, b, token)
	operating.CheckHealth(t, a, 0, "The gate admits requests.", `redis at `+redis.Addr()+`, namespace "operated"`, "2 live")
	answers.Invalidated.Check(t, harness.End(t, a, token))
	answers.BadToken.Check(t, harness.Get(t, b, token))
	if printed, code := operating.Operate(t, b, "bootstrap"); code != 1 || !strings.Contains(printed, "HTTP 409") || !strings.Contains(printed, "nothing to open") {
		t.Errorf("bootstrap of an open log exits with %d and prints\n%s", code, printed)
	}

	// Attack, and fault: everything is deleted, and every gate restarted. The revocations
	// are lost for good, so an operator must decide.
	a.Stop()
	b.Stop()
	redis.Do("FLUSHALL")
	a, b = harness.Start(t, manually(redis, a)), harness.Start(t, manually(redis, a))
	checkStaysClosed(t, token, a, b)
	checkBootstrap(t, a)
	harness.Recovers(t, a, a.Token(harness.Session("phone")))
	harness.Recovers(t, b, a.Token(harness.Session("phone")))
}

// Fault: everything in Redis is deleted while gates run. They confirm the revocations that
// they hold, so no operator is needed.
func TestLivingGateNeedsNoOperator(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	a := harness.Start(t, manually(redis, nil))
	harness.Eventually(t, 10*time.Second, "the gate has heard of the log", func() bool { return operating.StateOf(t, a).State == "repair" })
	checkBootstrap(t, a)
	live, revoked := a.Token(harness.Session("lives on")), a.Token(harness.Session("revoked"))
	answers.Invalidated.Check(t, harness.End(t, a, revoked))
	lost := operating.StateOf(t, a).Generation
	redis.Do("FLUSHALL")
	harness.Eventually(t, 10*time.Second, "the gate has opened another log", func() bool {
		now := operating.StateOf(t, a)
		return now.Generation != "" && now.Generation != lost && now.State != "repair" && !now.Fenced
	})
	harness.Recovers(t, a, live)
	answers.BadToken.Check(t, harness.Get(t, a, revoked))
	// The revocation log holds it again: a gate that starts now refuses it, too.
	b := harness.Start(t, manually(redis, a))
	harness.Recovers(t, b, live)
	answers.BadToken.Check(t, harness.Get(t, b, revoked))
	if n := strings.Count(a.Logs(), "an operator allowed opening the revocation log"); n != 1 {
		t.Errorf("the log says %d times that an operator opened the log, want once", n)
	}
}

// With `bootstrap auto`, a revocation log opens by itself: for a new namespace, and after
// it was lost together with every gate.
func TestBootstrapAutoOpensByItself(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	config := harness.Config{Store: harness.Redis(redis.Addr(), "auto"), App: "lease 500ms\nbootstrap auto"}
	a := harness.Start(t, config)
	operating.CheckHealth(t, a, 0, "The gate admits requests.")
	a.Stop()
	redis.Do("FLUSHALL")
	config.Key = a.Key
	harness.CheckAdmitted(t, harness.Get(t, harness.Start(t, config), a.Token(nil)))
}

// Fault: Redis hangs. The state describes that correctly, and the advice does not tell an
// operator to give up revocations.
func TestTheStateShowsThatTheStoreIsUnreachable(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "away"), App: "lease 500ms"})
	redis.Freeze()
	harness.Eventually(t, 10*time.Second, "the gate is fenced", func() bool { return operating.StateOf(t, g).Fenced })
	operating.CheckHealth(t, g, 1, "The gate refuses every guarded request with 503.", "the store cannot be used", "repair the store", "error")
	if got := operating.StateOf(t, g); !got.Synced || !got.Degraded || got.Error == "" {
		t.Errorf("the state is %+v", got)
	}
	redis.Thaw()
	harness.Eventually(t, 15*time.Second, "the gate admits, and uses its store", func() bool {
		got := operating.StateOf(t, g)
		return !got.Fenced && got.Error == ""
	})
	operating.CheckHealth(t, g, 0, "The gate admits requests.\n")
}
