package upgrade

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// login returns a token of a user who logged in to a session so many seconds ago.
func login(g *harness.Gate, session string, ago int64) string {
	return g.Token(harness.Session(session, "auth_time", time.Now().Unix()-ago, "jti", fmt.Sprint(session, ago)))
}

// later waits until a login is later than every logout before it.
func later(t *testing.T) {
	t.Helper()
	from := time.Now().Unix()
	harness.Eventually(t, 5*time.Second, "the second after next begins", func() bool { return time.Now().Unix() >= from+2 })
}

// awaitInstants waits until a logout ends a session up to an instant, and no longer for
// good. It checks at each gate that the present login is over and that a later one counts.
func (f *fleet) awaitInstants(t *testing.T, gates []*harness.Gate) {
	t.Helper()
	session := ""
	harness.Eventually(t, 20*time.Second, "a later login in a revoked session is admitted", func() bool {
		f.logouts++
		session = fmt.Sprint("up to an instant ", f.logouts)
		// The login of a second is one login, in whatever session.
		answers.Invalidated.Check(t, harness.End(t, gates[0], login(gates[0], session, 1000*f.logouts)))
		later(t)
		return harness.StatusOf(t, gates[0], login(gates[0], session, 0)) == 200
	})
	checkEnded(t, gates, login(gates[0], session, 60))
	harness.See(t, gates[1], login(gates[0], session, 0))
	if got := f.format(); got != "2" {
		t.Errorf("the fleet understands format %v, want 2", got)
	}
}

// Fault: a gate writes an entry that a gate of the older version cannot read, and that one
// refuses every request. So sessions are revoked for good as long as it is live.
func TestInstantsComeIntoForceWhenTheLastOlderGateIsGone(t *testing.T) {
	t.Parallel()
	f, old, gates := start(t)
	all := append(gates, old)
	answers.Invalidated.Check(t, harness.End(t, gates[0], login(gates[0], "for good", 60)))
	checkEnded(t, all, login(gates[0], "for good", 60))
	later(t)
	checkEnded(t, all, login(gates[0], "for good", 0))
	if got := f.format(); got != "1" {
		t.Errorf("the fleet understands format %v, want 1", got)
	}
	harness.CheckAdmitted(t, harness.Get(t, old, old.Token(harness.Session("live"))))

	old.Stop()
	f.awaitInstants(t, gates)
	checkEnded(t, gates, login(gates[0], "for good", 0))
}

// Fault: a gate of the older version starts again, or was frozen, when the others have
// written entries that it cannot read. Attack: use a revoked token there. The gate admits
// nothing, and says what to do. The others go on.
func TestAnOlderGateThatComesBackAdmitsNothing(t *testing.T) {
	t.Parallel()
	for name, comesBack := range map[string]func(t *testing.T, f *fleet, old *harness.Gate) *harness.Gate{
		"it starts again": func(t *testing.T, f *fleet, _ *harness.Gate) *harness.Gate {
			t.Helper()
			config := f.before
			config.Unready = true
			return harness.Start(t, config)
		},
		"it was frozen": func(_ *testing.T, _ *fleet, old *harness.Gate) *harness.Gate {
			old.Signal(syscall.SIGCONT)
			return old
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, old, gates := start(t)
			revoked, live := gates[0].Token(harness.Session("revoked")), gates[0].Token(harness.Session("live"))
			harness.See(t, old, revoked, live)
			old.Signal(syscall.SIGSTOP)
			t.Cleanup(old.Kill)
			answers.Invalidated.Check(t, harness.End(t, gates[0], revoked))
			f.awaitInstants(t, gates)

			back := comesBack(t, f, old)
			harness.Eventually(t, 10*time.Second, "it says what is wrong", func() bool {
				return strings.Contains(back.Logs(), "this gate cannot read an entry of the revocation log, and does not skip it; upgrade this gate")
			})
			answers.Unavailable.Check(t, harness.Get(t, back, live))
			if got := harness.StatusOf(t, back, revoked); got != 401 && got != 503 {
				t.Errorf("a revoked token is answered %d", got)
			}
			operating.CheckHealth(t, back, 1, "refuses every guarded request with 503", "version 2, this gate knows 1")
			for _, session := range []string{"one", "two"} {
				token := gates[1].Token(harness.Session(session))
				answers.Invalidated.Check(t, harness.End(t, gates[1], token))
				checkEnded(t, gates, token)
				harness.CheckAdmitted(t, harness.Get(t, gates[0], live))
			}
			back.Stop()
			f.awaitInstants(t, gates)
		})
	}
}
