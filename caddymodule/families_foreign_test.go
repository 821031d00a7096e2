package caddymodule

import (
	"net/http"
	"net/url"
	"strconv"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

const tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"

// grant asks for tokens with parameters, and these are handed out.
func (g *grantTest) grant(t *testing.T, tokens map[string]any, parameters ...string) grantAnswer {
	t.Helper()
	g.hands(tokens)
	form := make(url.Values)
	for i := 0; i < len(parameters); i += 2 {
		form.Set(parameters[i], parameters[i+1])
	}
	return g.send(t, http.MethodPost, tokenPath, formMedia, form.Encode())
}

// The attack: an old ID token of alice beside a grant of one's own, which the endpoint
// ignores (RFC 6749 §3.2). One's own tokens would belong to her session, and end it.
func TestWhatTheEndpointIgnoresJoinsNoSession(t *testing.T) {
	for name, grant := range map[string][]string{
		"a refresh":          {"grant_type", "refresh_token", "refresh_token", "m1"},
		"one without a name": {"refresh_token", "m1"},
		"a login":            {"grant_type", "password"},
		"an exchange":        {"grant_type", tokenExchange, "subject_token", "m1"},
	} {
		for _, ignored := range []string{"subject_token", "actor_token"} {
			if name == "an exchange" && ignored == "subject_token" {
				continue
			}
			t.Run(name+" with "+ignored, func(t *testing.T) {
				g := newGrantTest(t, Gate{})
				alices := g.access(t, "alices", map[string]any{"sid": "s"})
				idToken := g.mint(t, map[string]any{"sid": "s", "jti": nil, "aud": "client"})
				g.login(t, map[string]any{"access_token": alices, "refresh_token": "a1", "id_token": idToken})
				mallorys := map[string]any{"sub": "mallory"}
				g.login(t, hand(g.access(t, "m1", mallorys), "m1"))

				next := g.access(t, "m2", mallorys)
				g.grant(t, hand(next, "m2"), append(grant, ignored, idToken)...).want(t, http.StatusOK, "{")
				g.end(t, next, "").want(t, http.StatusOK, invalidated)
				g.get(t, "/", alices).want(t, http.StatusOK, "")
				g.take()
				g.wantRefreshed(t, "a1", hand(alices, "a2"))
			})
		}
	}
}

// The attack: refresh a stolen token with tokens of many logins of one's own beside
// it, until the session that it was stolen from has been forgotten.
func TestAStolenTokenStaysInItsSession(t *testing.T) {
	g := newGrantTest(t, Gate{})
	victims := g.access(t, "v", map[string]any{"sid": "victim"})
	g.login(t, hand(victims, "r0"))
	own := func(n int) string {
		return g.access(t, "own", map[string]any{"sub": "mallory", "sid": "own " + strconv.Itoa(n)})
	}
	refresh := "r0"
	for n := range 2 * store.MaxFamilies {
		next := "r" + strconv.Itoa(n+1)
		g.grant(t, hand("opaque", next), "grant_type", "refresh_token", "refresh_token", refresh,
			"subject_token", own(2*n), "actor_token", own(2*n+1)).want(t, http.StatusOK, "{")
		refresh = next
	}
	g.end(t, victims, "").want(t, http.StatusOK, invalidated)
	g.take()
	g.wantRefused(t, refresh)
}

// The attack: a token that is handed out in one session after the other, until it has
// left the first. It ends before that.
func TestATokenLeavesNoSession(t *testing.T) {
	g := newGrantTest(t, Gate{})
	in := func(n int) map[string]any {
		return hand(g.access(t, "t"+strconv.Itoa(n), map[string]any{"sid": "s" + strconv.Itoa(n)}), "r")
	}
	g.login(t, in(0))
	for n := 1; n < store.MaxFamilies; n++ {
		g.wantRefreshed(t, "r", in(n))
	}
	for range 2 {
		g.refresh(t, "r", in(store.MaxFamilies)).wantInvalidGrant(t)
	}
	g.take()
	g.wantRefreshed(t, "r", in(1))
	g.revoke(t, store.KindSession, "s0", 0)
	g.wantRefused(t, "r")
}

// The attack: a stolen refresh token beside the exchange of a token of one's own, to
// an endpoint that looks at the refresh token only; and one of alice's that was
// rotated, beside a login that does not look at it. Which of the two is granted,
// nobody can tell.
func TestARefreshTokenBesideAnotherGrantDoesNotGoUp(t *testing.T) {
	g := newGrantTest(t, Gate{})
	g.login(t, hand(g.access(t, "t1", nil), "r1"))
	for _, grant := range []string{
		"password", "authorization_code", "client_credentials", "Password", tokenExchange, "urn:ietf:params:oauth:grant-type:jwt-bearer",
		"urn:ietf:params:oauth:grant-type:saml2-bearer", "urn:ietf:params:oauth:grant-type:device_code",
	} {
		g.grant(t, nil, "grant_type", grant, "refresh_token", "r1", "subject_token", "x").want(t, http.StatusBadRequest, "invalid_request")
	}
	if n := len(g.take()); n != 0 {
		t.Errorf("%d requests reached the token endpoint", n)
	}
}

// What is exchanged goes on in the session of the subject (RFC 8693), and ends with
// it. The attack: exchange a token, and keep what it was exchanged for.
func TestAnExchangedTokenStaysInItsSession(t *testing.T) {
	g := newGrantTest(t, Gate{})
	first := g.access(t, "t1", nil)
	g.login(t, hand(first, "r1"))
	exchanged := g.access(t, "t2", nil)
	g.grant(t, hand(exchanged, "r2"), "grant_type", tokenExchange, "subject_token", first).want(t, http.StatusOK, "{")
	g.end(t, first, "").want(t, http.StatusOK, invalidated)
	g.get(t, "/", exchanged).want(t, http.StatusUnauthorized, "unauthorized")
	g.take()
	g.wantRefused(t, "r2")
}
