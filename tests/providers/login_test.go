package providers

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// ends logs out with a token, and fails the test unless the answer says that it ended this.
func ends(t *testing.T, g *harness.Gate, of tokens, scope string) {
	t.Helper()
	answer := harness.End(t, g, of.Access)
	answers.Invalidated.Check(t, answer)
	if got := answer.Header.Get("Session-Gate-Ended"); got != scope {
		t.Errorf("Session-Gate-Ended is %q, want %q", got, scope)
	}
}

// Attack: the provider puts no `sid` into access tokens. After a logout, use a refreshed token,
// or another token of the same login, which a second application got without a password.
func TestALogoutEndsTheLoginOfTheProvider(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		t.Parallel()
		p := startProvider(t, "auth_time")
		g := harness.Start(t, harness.Config{Store: store, Issuers: p.block("discover")})
		laptop := p.browser(t, "alice")
		login := laptop.logIn(t)
		harness.Recovers(t, g, login.Access)
		refreshed, again := p.refresh(t, login), laptop.logIn(t)
		bobs := p.browser(t, "bob").logIn(t)
		harness.See(t, g, refreshed.Access, again.Access, bobs.Access)

		ends(t, g, login, "login")
		refused(t, g, login, refreshed, again, p.refresh(t, refreshed))
		lockedOut(t, g, laptop)
		harness.CheckAdmitted(t, harness.Get(t, g, bobs.Access))
		later := laptop.logInLater(t, login)
		harness.CheckAdmitted(t, harness.Get(t, g, later.Access))
		refused(t, g, login, refreshed, again)
		harness.CheckAdmitted(t, harness.Get(t, g, later.Access))
	})
}

// With `reauthentication admit`, the user who enters the password again is admitted in the
// same session of the provider. Attack: a refresh token that was stolen before keeps its own
// `auth_time`, and another DELETE by an old token ends the new login.
func TestALaterAuthenticationIsAdmittedIfTheOperatorSaysSo(t *testing.T) {
	t.Parallel()
	p := startProvider(t, "sid", "auth_time")
	g := harness.Start(t, harness.Config{Issuers: p.block("discover", "reauthentication admit")})
	laptop := p.browser(t, "alice")
	login := laptop.logIn(t)
	harness.Recovers(t, g, login.Access)
	ends(t, g, login, "session")
	refused(t, g, login, laptop.logIn(t))
	lockedOut(t, g, laptop)

	anew := laptop.logInLater(t, login)
	checkSession(t, login, anew, true)
	stolen := p.refresh(t, login)
	for range 2 {
		harness.CheckAdmitted(t, harness.Get(t, g, anew.Access))
		refused(t, g, login, stolen)
	}
	ends(t, g, anew, "session")
	refused(t, g, login, anew, p.refresh(t, anew))
	third := laptop.logInLater(t, anew)
	harness.CheckAdmitted(t, harness.Get(t, g, third.Access))
	ends(t, g, third, "session")
	refused(t, g, third)
}
