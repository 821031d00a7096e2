package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

const (
	loginPage  = "https://id.example.com/login?next={uri}"
	logoutPage = "https://id.example.com/logout"
)

// open opens a page as a browser does, with a token or without one.
func (g *gateTest) open(tb testing.TB, method, target, token string) answer {
	tb.Helper()
	r := request(method, target, token, "")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Dest", "document")
	return g.serve(tb, r)
}

// wantSent fails the test unless the browser was sent to another page, for a reason.
func (a answer) wantSent(tb testing.TB, location, reason string) {
	tb.Helper()
	if a.Code != http.StatusFound || a.Header().Get("Location") != location || a.Header().Get("Cache-Control") != "no-store" || a.upstream != nil {
		tb.Errorf("answered %d with %v, want 302 to %s", a.Code, a.Header(), location)
	}
	a.wantReason(tb, reason)
}

func TestAPageWithoutAGoodTokenIsSentToTheLogin(t *testing.T) {
	g := newGate(t, "HS256", Gate{LoginURL: loginPage, RevokedURL: logoutPage, Public: []string{"/public"}})
	const sent = "https://id.example.com/login?next=%2Forders%3Fid%3D7"
	const target = "/orders?id=7"
	g.open(t, http.MethodGet, target, "").wantSent(t, sent, "missing")
	g.open(t, http.MethodGet, target, g.mint(t, nil)+"x").wantSent(t, sent, "invalid")
	g.open(t, http.MethodGet, target, tokentest.Mint(t, g.key, tokentest.Claims(time.Now().Add(-time.Hour), nil))).wantSent(t, sent, "expired")
	revoked := g.mint(t, map[string]any{"sid": "over"})
	g.end(t, revoked, "").want(t, http.StatusOK, invalidated)
	// The issuer's own session goes on, and would give another token of the revoked session.
	g.open(t, http.MethodGet, target, revoked).wantSent(t, logoutPage, "revoked")

	g.open(t, http.MethodGet, target, g.mint(t, nil)).want(t, http.StatusOK, "")
	g.open(t, http.MethodGet, "/public", "").want(t, http.StatusOK, "")
	for name, a := range map[string]answer{
		"a script":              g.get(t, target, ""),
		"a POST":                g.open(t, http.MethodPost, target, ""),
		"a HEAD":                g.open(t, http.MethodHead, target, ""),
		"the session API":       g.open(t, http.MethodGet, defaultEndpoint, ""),
		"another host's URL":    g.open(t, http.MethodGet, "/%2Fevil.example", ""),
		"a script of a session": g.get(t, target, revoked),
	} {
		if a.Code != http.StatusUnauthorized || a.Header().Get("Location") != "" || a.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("%s: answered %d with %v, want 401", name, a.Code, a.Header())
		}
	}
}

// Each address counts for its own reason: a revoked token and a login that the issuer's session
// answers by itself would be a loop.
func TestOnePageIsNotForTheOthersReason(t *testing.T) {
	for name, test := range map[string]struct {
		gate             Gate
		missing, revoked int
	}{
		"neither":         {Gate{}, 401, 401},
		"the login only":  {Gate{LoginURL: loginPage}, 302, 401},
		"the logout only": {Gate{RevokedURL: logoutPage}, 401, 302},
	} {
		g := newGate(t, "HS256", test.gate)
		revoked := g.mint(t, map[string]any{"sid": name})
		g.end(t, revoked, "").want(t, http.StatusOK, invalidated)
		if got := g.open(t, http.MethodGet, "/", "").Code; got != test.missing {
			t.Errorf("%s: no token is answered %d, want %d", name, got, test.missing)
		}
		if got := g.open(t, http.MethodGet, "/", revoked).Code; got != test.revoked {
			t.Errorf("%s: a revoked token is answered %d, want %d", name, got, test.revoked)
		}
	}
}

// Requests to the gate's own paths are calls, whoever makes them.
func TestTheGatesOwnPathsAreNotRedirected(t *testing.T) {
	g := newGate(t, "HS256", Gate{
		LoginURL: loginPage, RevokedURL: logoutPage, SessionsEndpoint: sessionsPath, BackchannelLogout: "/logout", TokenEndpoint: tokenEndpoints(tokenPath),
	})
	for _, path := range []string{defaultEndpoint, sessionsPath, sessionsPath + "/laptop", "/logout"} {
		if a := g.open(t, http.MethodGet, path, ""); a.Code != http.StatusUnauthorized {
			t.Errorf("%s: answered %d with %v", path, a.Code, a.Header())
		}
	}
}

// The browser has to come back to the address that it sent, and not to that of a handler.
// Attack: a prefix before the gate hides a path that leads to another host.
func TestTheReturnAddressIsTheOneThatTheBrowserSent(t *testing.T) {
	g := newGate(t, "HS256", Gate{LoginURL: loginPage})
	for target, want := range map[string]string{"/shop/orders?a=b": "https://id.example.com/login?next=%2Fshop%2Forders%3Fa%3Db", "//evil.example/orders": ""} {
		w := httptest.NewRecorder()
		r, _ := prepare(w, request(http.MethodGet, target, "", ""))
		r.Header.Set("Accept", "text/html")
		r.URL.Path = "/orders" // as handle_path does
		if err := g.gate.ServeHTTP(w, r, nil); err != nil {
			t.Error(err)
		}
		if got := w.Header().Get("Location"); got != want {
			t.Errorf("%s: sent to %q, want %q", target, got, want)
		}
	}
}

// Attack: a token in the query that has expired, or was malformed on its way, is sent on to the
// login page, whose log keeps it.
func TestTheLoginPageGetsNoTokenOfTheQuery(t *testing.T) {
	g := newGate(t, "HS256", Gate{LoginURL: loginPage, Token: &TokenSource{Query: "access_token"}})
	expired := tokentest.Mint(t, g.key, tokentest.Claims(time.Now().Add(-time.Hour), nil))
	const sent = "https://id.example.com/login?next=%2Forders"
	g.open(t, http.MethodGet, "/orders?access_token="+expired, "").wantSent(t, sent, "expired")
	g.open(t, http.MethodGet, "/orders?access_token="+expired+"x&id=7", "").wantSent(t, sent, "invalid")
	g.open(t, http.MethodGet, "/orders?id=7", "").wantSent(t, sent, "missing")
}
