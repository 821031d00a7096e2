package tokenendpoint

import (
	"net/http"
	"strconv"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

const tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"

// Attack: send an old ID token of alice beside the attacker's own grant. The endpoint
// ignores it (RFC 6749 §3.2). The attacker's own tokens would belong to her session, and
// end it.
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
				g := newGrantTest(t, Options{})
				alices := g.access(t, "alices", map[string]any{"sid": "s"})
				idToken := g.Mint(t, map[string]any{"sid": "s", "jti": nil, "aud": "client"})
				g.Login(t, map[string]any{"access_token": alices, "refresh_token": "a1", "id_token": idToken})
				mallorys := map[string]any{"sub": "mallory"}
				g.Login(t, hand(g.access(t, "m1", mallorys), "m1"))

				next := g.access(t, "m2", mallorys)
				g.Grant(t, hand(next, "m2"), append(grant, ignored, idToken)...).Want(t, http.StatusOK, "{")
				g.end(t, next).Want(t, http.StatusOK, invalidated)
				g.Get(t, "/", alices).Want(t, http.StatusOK, "")
				g.Take()
				g.WantRefreshed(t, "a1", hand(alices, "a2"))
			})
		}
	}
}

// Attack: refresh a stolen token together with tokens of many other logins, until its
// original session is forgotten.
func TestAStolenTokenStaysInItsSession(t *testing.T) {
	g := newGrantTest(t, Options{})
	victims := g.access(t, "v", map[string]any{"sid": "victim"})
	g.Login(t, hand(victims, "r0"))
	own := func(n int) string {
		return g.access(t, "own", map[string]any{"sub": "mallory", "sid": "own " + strconv.Itoa(n)})
	}
	refresh := "r0"
	for n := range 2 * store.MaxFamilies {
		next := "r" + strconv.Itoa(n+1)
		g.Grant(t, hand("opaque", next), "grant_type", "refresh_token", "refresh_token", refresh,
			"subject_token", own(2*n), "actor_token", own(2*n+1)).Want(t, http.StatusOK, "{")
		refresh = next
	}
	g.end(t, victims).Want(t, http.StatusOK, invalidated)
	g.Take()
	g.WantRefused(t, refresh)
}

// Attack: a token is issued in one session after another, until it has left the first. It
// must end before that.
func TestATokenLeavesNoSession(t *testing.T) {
	g := newGrantTest(t, Options{})
	in := func(n int) map[string]any {
		return hand(g.access(t, "t"+strconv.Itoa(n), map[string]any{"sid": "s" + strconv.Itoa(n)}), "r")
	}
	g.Login(t, in(0))
	for n := 1; n < store.MaxFamilies; n++ {
		g.WantRefreshed(t, "r", in(n))
	}
	for range 2 {
		g.Refresh(t, "r", in(store.MaxFamilies)).WantInvalidGrant(t)
	}
	g.Take()
	g.WantRefreshed(t, "r", in(1))
	g.Revoke(t, store.KindSession, "s0", 0)
	g.WantRefused(t, "r")
}

// Attack: send a stolen refresh token beside the exchange of another token, to an endpoint
// that reads only the refresh token. Or send a rotated refresh token of alice's beside a
// login that ignores it. It is ambiguous which of the two is granted.
func TestARefreshTokenBesideAnotherGrantDoesNotGoUp(t *testing.T) {
	g := newGrantTest(t, Options{})
	g.Login(t, hand(g.access(t, "t1", nil), "r1"))
	for _, grant := range []string{
		"password", "authorization_code", "client_credentials", "Password", tokenExchange, "urn:ietf:params:oauth:grant-type:jwt-bearer",
		"urn:ietf:params:oauth:grant-type:saml2-bearer", "urn:ietf:params:oauth:grant-type:device_code",
	} {
		g.Grant(t, nil, "grant_type", grant, "refresh_token", "r1", "subject_token", "x").Want(t, http.StatusBadRequest, "invalid_request")
	}
	g.WantTaken(t, 0)
}

// An exchanged token continues the session of its subject (RFC 8693), and ends with it.
// Attack: exchange a token, and keep the new one.
func TestAnExchangedTokenStaysInItsSession(t *testing.T) {
	g := newGrantTest(t, Options{})
	first := g.access(t, "t1", nil)
	g.Login(t, hand(first, "r1"))
	exchanged := g.access(t, "t2", nil)
	g.Grant(t, hand(exchanged, "r2"), "grant_type", tokenExchange, "subject_token", first).Want(t, http.StatusOK, "{")
	g.end(t, first).Want(t, http.StatusOK, invalidated)
	g.Get(t, "/", exchanged).Want(t, http.StatusUnauthorized, "unauthorized")
	g.Take()
	g.WantRefused(t, "r2")
}
