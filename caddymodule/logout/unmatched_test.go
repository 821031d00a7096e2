package logout_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

// warnings sends a logout token, and returns the warnings of the log.
func (g *logoutGate) warnings(t *testing.T, changes map[string]any) []string {
	t.Helper()
	g.Log.Reset()
	wantLoggedOut(t, g.logOut(t, g.logoutToken(t, changes)))
	return slices.Collect(strings.Lines(g.Log.String()))
}

// Fault: the issuer names the session in logout tokens, and in access tokens it does not. The
// answer is 200, because the gate ends what the token names, and no access token ends. The
// user has no other session that the gate could know, but may have other devices: `sub` beside
// `sid` ends nothing.
func TestALogoutByASessionThatNoAccessTokenNamesIsAWarning(t *testing.T) {
	for name, isLogin := range map[string]bool{"neither session nor login": false, "a login": true} {
		t.Run(name, func(t *testing.T) {
			inLogoutGate(t, func(t *testing.T, g *logoutGate) {
				both := map[string]any{"sid": "secret-session", "sub": "alice"}
				if got := g.warnings(t, both); len(got) != 0 {
					t.Errorf("before there was a token: %q", got)
				}
				claims := map[string]any{"sid": nil}
				if isLogin {
					claims["auth_time"] = time.Now().Add(-time.Hour).Unix()
				}
				bare := g.Mint(t, claims)
				g.Get(t, "/", bare).Want(t, http.StatusOK, "")
				got := g.warnings(t, both)
				if len(got) != 1 || !strings.Contains(got[0], "level=WARN") || !strings.Contains(got[0], "issuer="+tokentest.Issuer) ||
					!strings.Contains(got[0], "session_claim") || strings.Contains(got[0], "secret") {
					t.Errorf("the log says %q", got)
				}
				g.Get(t, "/", bare).Want(t, http.StatusOK, "")
				if got := g.warnings(t, both); len(got) != 0 {
					t.Errorf("within the minute: %q", got)
				}
				time.Sleep(time.Minute)
				if got := g.warnings(t, map[string]any{"sub": "bob"}); len(got) != 0 {
					t.Errorf("a logout of a subject: %q", got)
				}
				if got := g.warnings(t, both); len(got) != 1 {
					t.Errorf("after the minute: %q", got)
				}
				// One token with a session shows that others have none on purpose.
				g.Get(t, "/", g.Of(t, "laptop")).Want(t, http.StatusOK, "")
				time.Sleep(time.Minute)
				if got := g.warnings(t, both); len(got) != 0 {
					t.Errorf("an issuer that names sessions: %q", got)
				}
			})
		})
	}
}

// A token endpoint of the gate has learned which access tokens belong to the session. Then they
// end.
func TestALogoutEndsWhatWasLearnedOfTheSession(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *logoutGate) {
		bare := g.Mint(t, map[string]any{"sid": nil, "jti": "1"})
		g.Get(t, "/", bare).Want(t, http.StatusOK, "")
		if err := g.Hub.Tokens().Learn(t.Context(), store.Grant{
			Token: g.Keys(t, bare).Token, Access: true, Families: []store.Key{g.Hub.SessionKey(tokentest.Issuer, "s")},
			Expires: time.Now().Add(time.Hour).Unix(),
		}); err != nil {
			t.Fatal(err)
		}
		if got := g.warnings(t, map[string]any{"sid": "s"}); len(got) != 0 {
			t.Errorf("the log says %q", got)
		}
		g.Get(t, "/", bare).Want(t, http.StatusUnauthorized, "unauthorized")
	})
}

// The tokens of machines name no session at any issuer.
func TestAMachineMakesNoWarning(t *testing.T) {
	inLogoutGate(t, func(t *testing.T, g *logoutGate) {
		g.Get(t, "/", g.Mint(t, map[string]any{"sid": nil, "sub": "job", "azp": "job"})).Want(t, http.StatusOK, "")
		if got := g.warnings(t, map[string]any{"sid": "s"}); len(got) != 0 {
			t.Errorf("the log says %q", got)
		}
	})
}
