package providers

import (
	"net/http"
	"net/http/httputil"
	"net/url"
	"reflect"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: after a logout, use a stolen refresh token, or the cookies of the provider, where
// the gate is in front of the provider's token endpoint.
//
// Access tokens name no session, but the ID token beside them does. The provider gives the
// next login of the same single sign-on session the same one, so the honest user has to log
// out there, too.
func TestALogoutEndsRefreshTokensBehindTheGate(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		t.Parallel()
		p := startProvider(t)
		g := harness.Start(t, harness.Config{Store: store, Gate: "token_endpoint /token", Issuers: p.block("discover", "logout_audience "+clientID)})
		g.Upstream.Handle("/token", p.forward(t))
		laptop := p.browser(t, "alice")
		// From now on, the gate has the keys of the provider.
		harness.Recovers(t, g, p.browser(t, "bob").logIn(t).Access)

		p.tokenEndpoint = g.URL("/token")
		login := laptop.logIn(t)
		refreshed := p.refresh(t, login)
		harness.See(t, g, login.Access, refreshed.Access)
		answers.Invalidated.Check(t, harness.End(t, g, refreshed.Access))
		refused(t, g, login, refreshed)
		withheld(t, p.refresh(t, refreshed))
		withheld(t, laptop.tryLogIn(t))
		withheld(t, laptop.tryLogIn(t, "login"))
		lockedOut(t, g, laptop)

		laptop.logOut(t, login)
		fresh := laptop.logIn(t)
		harness.CheckAdmitted(t, harness.Get(t, g, fresh.Access))
		harness.CheckAdmitted(t, harness.Get(t, g, p.refresh(t, fresh).Access))
		refused(t, g, login, refreshed)
		withheld(t, p.refresh(t, refreshed))
	})
}

// With `reauthentication admit`, the user who enters the password again gets tokens through
// the gate, in the same session of the provider, and goes on refreshing them. Attack: a
// refresh token that was stolen before the logout.
func TestALaterAuthenticationGetsTokensBehindTheGate(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		t.Parallel()
		p := startProvider(t, "sid", "auth_time")
		g := harness.Start(t, harness.Config{
			Store: store, Gate: "token_endpoint /token", Issuers: p.block("discover", "reauthentication admit", "logout_audience "+clientID),
		})
		g.Upstream.Handle("/token", p.forward(t))
		laptop := p.browser(t, "alice")
		harness.Recovers(t, g, p.browser(t, "bob").logIn(t).Access)

		p.tokenEndpoint = g.URL("/token")
		login := laptop.logIn(t)
		ends(t, g, login, "session")
		withheld(t, p.refresh(t, login))
		withheld(t, laptop.tryLogIn(t))
		var anew tokens
		harness.Eventually(t, answerLimit, "the user gets tokens again", func() bool {
			anew = laptop.tryLogIn(t, "login")
			return anew.Access != ""
		})
		checkSession(t, login, anew, true)
		refreshed := p.refresh(t, anew)
		harness.See(t, g, anew.Access, refreshed.Access)
		withheld(t, p.refresh(t, login))
		refused(t, g, login)
		harness.CheckAdmitted(t, harness.Get(t, g, refreshed.Access))

		ends(t, g, refreshed, "session")
		refused(t, g, login, anew, refreshed)
		withheld(t, p.refresh(t, refreshed))
	})
}

// withheld fails the test unless the gate refused a request for tokens. The provider uses
// other words for the same code.
func withheld(t *testing.T, got tokens) {
	t.Helper()
	if want := (tokens{Error: "invalid_grant", Description: "The token is invalid, expired or revoked.", forms: got.forms}); !reflect.DeepEqual(got, want) {
		t.Errorf("the token endpoint answers %+v, want %+v", got, want)
	}
}

// forward passes requests on to the provider, as a proxy behind the gate.
func (p *provider) forward(t *testing.T) http.HandlerFunc {
	t.Helper()
	target, err := url.Parse(p.url)
	if err != nil {
		t.Fatal(err)
	}
	return (&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}).ServeHTTP
}
