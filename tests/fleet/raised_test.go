package fleet

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: an operator raises the lifetime of tokens, and the retention with it. A token
// that was too old before would be valid again, but its revocation was kept for the shorter
// retention only.
func TestARaisedRetentionRevivesNothing(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{App: "max_token_lifetime 1h\nretention 1h\nleeway 1s"})
	aged := func(id string, age time.Duration) string {
		now := time.Now()
		return g.Token(harness.Session(id, "iat", now.Add(-age).Unix(), "exp", now.Add(10*time.Hour).Unix()))
	}
	old, young, revoked := aged("old", 2*time.Hour), aged("young", 30*time.Minute), aged("revoked", 30*time.Minute)
	for _, token := range []string{old, young} {
		answers.BadToken.Check(t, harness.Get(t, g, token)) // its lifetime is too long
	}
	raised := harness.Config{App: "max_token_lifetime 24h\nretention 24h\nleeway 1s"}
	harness.Load(t, g, raised)
	check := func(when string) {
		t.Helper()
		t.Log(when)
		answers.BadToken.Check(t, harness.Get(t, g, old))
		answers.BadToken.Check(t, harness.Get(t, g, revoked))
		harness.CheckAdmitted(t, harness.Get(t, g, young))
		harness.CheckAdmitted(t, harness.Get(t, g, g.Token(harness.Session("fresh"))))
	}
	answers.Invalidated.Check(t, harness.End(t, g, revoked))
	check("after the raise")
	g.Restart()
	check("after a restart")
}

// Fault: an upgrade to a longer default, or a first start, counts as a raise and logs users
// out.
func TestTheFirstRetentionRefusesNothing(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{App: "max_token_lifetime 24h\nretention 24h"})
	now := time.Now()
	harness.See(t, g, g.Token(harness.Session("old", "iat", now.Add(-23*time.Hour).Unix(), "exp", now.Add(time.Minute).Unix())))
}
