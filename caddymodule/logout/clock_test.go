package logout_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// A logout token of a subject counts by its own `iat`, which the issuer writes by the same clock
// as the `iat` of its access tokens. So the gate's clock does not matter: everything from before
// the logout ends, and a login right after it is admitted. It is the same if `exp` is null.
func TestALogoutTokenCountsByTheIssuersClock(t *testing.T) {
	for name, off := range map[string]time.Duration{"ahead": 20 * time.Second, "behind": -20 * time.Second} {
		t.Run(name, func(t *testing.T) {
			inLogoutGate(t, func(t *testing.T, g *logoutGate) {
				issued := func(session string) string {
					return tokentest.Mint(t, g.Key, tokentest.Claims(time.Now().Add(off), map[string]any{"sid": session, "jti": session}))
				}
				for _, exp := range []any{nil, time.Now().Add(off).Add(2 * time.Minute).Unix()} {
					seen, stolen := issued("seen"), issued("stolen")
					g.Get(t, "/", seen).Want(t, http.StatusOK, "")
					logout := map[string]any{"sub": "alice", "iat": time.Now().Add(off).Unix(), "exp": exp}
					began := time.Now()
					wantLoggedOut(t, g.logOut(t, g.logoutToken(t, logout)))
					if took := time.Since(began); took > time.Second {
						t.Errorf("answered after %v, want a second at the most", took)
					}
					time.Sleep(time.Until(began.Add(time.Second))) // iat is in whole seconds
					g.Get(t, "/", seen).Want(t, http.StatusUnauthorized, "unauthorized")
					g.Get(t, "/", stolen).Want(t, http.StatusUnauthorized, "unauthorized")
					g.Get(t, "/", issued("a login right after")).Want(t, http.StatusOK, "")
				}
			})
		})
	}
}
