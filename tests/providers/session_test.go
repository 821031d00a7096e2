package providers

import (
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// checkForms fails the test unless the provider showed exactly these forms.
func checkForms(t *testing.T, login tokens, want ...string) {
	t.Helper()
	if !slices.Equal(login.forms, want) {
		t.Errorf("the provider showed the forms %q, want %q", login.forms, want)
	}
}

// checkSession fails the test unless both access tokens name the same session, or different
// ones.
func checkSession(t *testing.T, a, b tokens, same bool) {
	t.Helper()
	first, second := a.claim(t, "sid"), b.claim(t, "sid")
	if first == nil || second == nil || (first == second) != same {
		t.Errorf("the sessions are %v and %v, want the same: %v", first, second, same)
	}
}

// refused fails the test unless the gate refuses the tokens, also for a repeated DELETE.
func refused(t *testing.T, g *harness.Gate, ended ...tokens) {
	t.Helper()
	for _, of := range ended {
		answers.BadToken.Check(t, harness.Get(t, g, of.Access))
		answers.NoSession.Check(t, harness.End(t, g, of.Access))
	}
}

// lockedOut fails the test unless the log of a gate says why a user is refused who logs in
// again in the same single sign-on session. It says so once, and names no session.
func lockedOut(t *testing.T, g *harness.Gate, b *browser) {
	t.Helper()
	const line = "stays locked out: log out at the issuer, too (end_session_endpoint), or use prompt=login with reauthentication admit; " +
		`see docs/identity-providers.md","issuer":"`
	var login tokens
	// `iat` counts seconds, and that of the logout proves nothing.
	harness.Eventually(t, answerLimit, "the log says that the user is locked out", func() bool {
		login = b.tryLogIn(t)
		if login.Access != "" {
			answers.BadToken.Check(t, harness.Get(t, g, login.Access))
		}
		return strings.Contains(g.Logs(), line+b.provider.url+`"`)
	})
	if login = b.tryLogIn(t); login.Access != "" {
		refused(t, g, login)
		if sid, ok := login.claim(t, "sid").(string); ok && strings.Contains(g.Logs(), sid) {
			t.Error("the log names the session")
		}
	}
	if got := strings.Count(g.Logs(), line); got != 1 {
		t.Errorf("the log says so %d times, want once", got)
	}
}

// Attack: after a logout, use an earlier token, a refresh token that was stolen before, or
// the cookies of the provider, where the single sign-on session goes on.
//
// The provider gives every login of that session the same `sid`, also after the user has
// entered the password again. So the honest user is refused, too, until the session at the
// provider has ended.
func TestALogoutEndsTheSessionOfTheProvider(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		t.Parallel()
		p := startProvider(t, "sid")
		g := harness.Start(t, harness.Config{Store: store, Issuers: p.block("discover")})
		laptop, phone := p.browser(t, "alice"), p.browser(t, "alice")
		login, onPhone, bobs := laptop.logIn(t), phone.logIn(t), p.browser(t, "bob").logIn(t)
		checkForms(t, login, "login", "consent")
		harness.Recovers(t, g, login.Access)
		refreshed := p.refresh(t, login)
		again := laptop.logIn(t)
		checkForms(t, again, "consent")
		checkSession(t, login, refreshed, true)
		checkSession(t, login, again, true)
		checkSession(t, login, onPhone, false)
		harness.See(t, g, refreshed.Access, again.Access, onPhone.Access, bobs.Access)

		answers.Invalidated.Check(t, harness.End(t, g, refreshed.Access))
		stolen, later, anew := p.refresh(t, refreshed), laptop.logIn(t), laptop.logIn(t, "login")
		checkForms(t, later, "consent")
		checkForms(t, anew, "login", "consent")
		checkSession(t, login, anew, true)
		refused(t, g, login, refreshed, again, stolen, later, anew)
		// Another session of the same user is another one.
		harness.CheckAdmitted(t, harness.Get(t, g, onPhone.Access))
		harness.CheckAdmitted(t, harness.Get(t, g, bobs.Access))

		lockedOut(t, g, laptop)

		laptop.logOut(t, later)
		fresh := laptop.logIn(t)
		checkForms(t, fresh, "login", "consent")
		checkSession(t, login, fresh, false)
		harness.CheckAdmitted(t, harness.Get(t, g, fresh.Access))
		harness.CheckAdmitted(t, harness.Get(t, g, p.refresh(t, fresh).Access))
		refused(t, g, login, refreshed, again, stolen, later, anew)

		// The same after a restart.
		g.Restart()
		harness.Recovers(t, g, fresh.Access)
		refused(t, g, login, refreshed, again, stolen, later, anew)
	})
}

// Attack: after a logout, refresh with a stolen token at an issuer that keeps `auth_time` in
// the session, while the user logs in again. The thief's token would have the later
// `auth_time`, so a later one in the same session admits nobody, unless the operator says
// that this issuer is another one.
func TestALaterAuthenticationInTheSameSessionIsRefused(t *testing.T) {
	t.Parallel()
	p := startProvider(t, "sid", "auth_time")
	g := harness.Start(t, harness.Config{Issuers: p.block("discover")})
	laptop := p.browser(t, "alice")
	login := laptop.logIn(t)
	harness.Recovers(t, g, login.Access)
	answers.Invalidated.Check(t, harness.End(t, g, login.Access))

	anew := laptop.logInLater(t, login)
	checkSession(t, login, anew, true)
	stolen := p.refresh(t, login)
	if kept, want := stolen.claim(t, "auth_time"), login.claim(t, "auth_time"); kept != want {
		t.Errorf("a refreshed token has the auth_time %v, want that of its login, %v", kept, want)
	}
	refused(t, g, login, anew, p.refresh(t, anew), stolen)
}
