package caddymodule

import (
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/caddymodule/tokenendpoint/granttest"
)

// Attack: log in right after the issuer has changed its key, to get an access token that
// belongs to no session when the gate loads the key.
func TestTokensByANewKeyAreLearned(t *testing.T) {
	old, next := tokentest.NewKey(t, "ES256", "old"), tokentest.NewKey(t, "ES256", "next")
	endpoint := tokentest.NewEndpoint(t, old)
	issuer := endpoint.Serve(t)
	g := newGrantTest(t, Gate{})
	g.start(t, Gate{TokenEndpoint: tokenEndpoints(tokenPath)}, &Issuer{
		Issuer: tokentest.Issuer, JWKS: URLs{issuer + tokentest.KeySetPath}, Audience: []string{tokentest.Audience},
	})
	mint := func(key *tokentest.Key, tokenID string) string {
		return tokentest.Mint(t, key, tokentest.Claims(time.Now(), map[string]any{"sid": nil, "jti": tokenID}))
	}
	admits := func(key *tokentest.Key) {
		for g.get(t, "/", mint(key, "control")).Code != http.StatusOK {
			runtime.Gosched()
		}
	}
	admits(old)
	endpoint.Publish(t, old, next)
	first, second := mint(next, "t1"), mint(old, "t2")
	g.Login(t, granttest.Hand(first, "r1"))
	g.WantRefreshed(t, "r1", granttest.Hand(second, "r2"))
	g.end(t, second, "").want(t, http.StatusOK, invalidated)
	admits(next)
	g.get(t, "/", first).want(t, http.StatusUnauthorized, "unauthorized")
	g.WantRefused(t, "r2")
}

// Invariant 7: without the keys, the gate passes on neither a request nor an answer.
func TestWithoutKeysNothingIsGranted(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "one")
	endpoint := tokentest.NewEndpoint(t, key)
	endpoint.Behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	issuer := endpoint.Serve(t)
	g := newGrantTest(t, Gate{})
	g.start(t, Gate{TokenEndpoint: tokenEndpoints(tokenPath)}, &Issuer{
		Issuer: tokentest.Issuer, JWKS: URLs{issuer + tokentest.KeySetPath}, Audience: []string{tokentest.Audience},
	})
	token := tokentest.Mint(t, key, tokentest.Claims(time.Now(), nil))
	g.Refresh(t, token, nil).Want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	g.WantTaken(t, 0)
	for _, name := range []string{"access_token", "refresh_token", "id_token"} {
		g.Hands(map[string]any{name: token})
		g.Send(t, http.MethodPost, tokenPath, formMedia, "grant_type=x").Want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	}
	g.Take()
	// Tokens that the issuer has not signed need no key.
	g.WantRefreshed(t, "opaque", granttest.Hand("opaque", "opaque"))
}
