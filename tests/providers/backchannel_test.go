package providers

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: use a token or a stolen refresh token after the session at the provider has ended,
// or repeat the logout token.
func TestALogoutAtTheProviderEndsTheSessionAtTheGate(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		t.Parallel()
		p := startProvider(t, "sid")
		g := harness.Start(t, harness.Config{
			Store: store, Gate: "backchannel_logout " + logoutPath, Issuers: p.block("discover", "logout_audience "+clientID),
		})
		p.logOutAt(g)
		laptop, phone := p.browser(t, "alice"), p.browser(t, "alice")
		login, onPhone, bobs := laptop.logIn(t), phone.logIn(t), p.browser(t, "bob").logIn(t)
		refreshed := p.refresh(t, login)
		harness.Recovers(t, g, login.Access)
		harness.See(t, g, refreshed.Access, onPhone.Access, bobs.Access)

		laptop.logOut(t, login)
		received := <-p.logouts // the provider has waited for the answer
		if received.status != 200 {
			t.Errorf("the gate answers %d to the logout token, want 200", received.status)
		}
		// The provider keeps refresh tokens for offline access beyond its own logout.
		stolen := p.refresh(t, refreshed)
		checkSession(t, login, stolen, true)
		refused(t, g, login, refreshed, stolen)
		harness.CheckAdmitted(t, harness.Get(t, g, onPhone.Access))
		harness.CheckAdmitted(t, harness.Get(t, g, bobs.Access))
		repeated := g.Send(t, "POST", logoutPath, harness.Body("application/x-www-form-urlencoded", received.form))
		if repeated.Status != 400 {
			t.Errorf("the repeated logout token is answered %d %s, want 400", repeated.Status, repeated.Body)
		}

		fresh := laptop.logIn(t)
		checkForms(t, fresh, "login", "consent")
		harness.CheckAdmitted(t, harness.Get(t, g, fresh.Access))
		refused(t, g, login, refreshed, stolen)
	})
}

// The provider as it comes names the session in logout tokens, and not in access tokens. Its
// logout ends the tokens that it has handed out through the gate, because the ID token beside
// them names the session. It ends no others, and the log says so.
func TestALogoutAtTheProviderEndsWhatTheGateHasLearned(t *testing.T) {
	t.Parallel()
	const warning = `"msg":"a logout token names its session by sid, and no access token of the issuer does: the logout has ended none; `
	p := startProvider(t)
	g := harness.Start(t, harness.Config{
		Gate: "backchannel_logout " + logoutPath + "\ntoken_endpoint /token", Issuers: p.block("discover", "logout_audience "+clientID),
	})
	g.Upstream.Handle("/token", p.forward(t))
	p.logOutAt(g)
	past, through := p.browser(t, "alice"), p.browser(t, "alice")
	login := past.logIn(t)
	harness.Recovers(t, g, login.Access)
	p.tokenEndpoint = g.URL("/token")
	learned := through.logIn(t)
	refreshed := p.refresh(t, learned)
	harness.See(t, g, learned.Access, refreshed.Access)

	through.logOut(t, learned)
	if received := <-p.logouts; received.status != 200 {
		t.Errorf("the gate answers %d to the logout token, want 200", received.status)
	}
	refused(t, g, learned, refreshed)
	withheld(t, p.refresh(t, refreshed))
	if strings.Contains(g.Logs(), warning) {
		t.Error("the log warns of a logout that has ended tokens")
	}
	harness.CheckAdmitted(t, harness.Get(t, g, login.Access))

	past.logOut(t, login)
	if received := <-p.logouts; received.status != 200 {
		t.Errorf("the gate answers %d to the logout token, want 200", received.status)
	}
	harness.CheckAdmitted(t, harness.Get(t, g, login.Access))
	if got := strings.Count(g.Logs(), warning); got != 1 {
		t.Errorf("the log warns %d times, want once", got)
	}
}
