package tokenendpoint

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

func admitReauthentication(o *token.IssuerOptions) { o.AdmitReauthentication = true }

// loginsTest is a gate whose users may log in again in a revoked session, and the seconds of
// three logins in the session "s", with a revocation up to a second after each.
type loginsTest struct {
	*grantTest
	first, revoked, second, revokedAgain, third int64
}

func newLoginsTest(t *testing.T) *loginsTest {
	t.Helper()
	now := time.Now().Unix()
	return &loginsTest{newGrantTest(t, Options{}, admitReauthentication), now - 300, now - 250, now - 200, now - 150, now - 100}
}

// of returns an access token of a login in the session.
func (g *loginsTest) of(t *testing.T, login int64, tokenID string) string {
	t.Helper()
	return g.access(t, tokenID, map[string]any{"sid": "s", "auth_time": login})
}

// revoke revokes the session up to a second.
func (g *loginsTest) revoke(t *testing.T, upTo int64) {
	t.Helper()
	g.Revoke(t, store.KindSession, "s", upTo)
}

// signedRefresh returns a refresh token that the issuer has signed, with these claims: the
// same text each time.
func (g *loginsTest) signedRefresh(t *testing.T, tokenID string, changes map[string]any) string {
	t.Helper()
	claims := map[string]any{"sid": nil, "jti": tokenID, "aud": tokentest.Issuer, "typ": "Refresh", "iat": g.third, "exp": g.third + 3600}
	for name, value := range changes {
		claims[name] = value
	}
	return g.Mint(t, claims)
}

// Attack: keep a refresh token of the first login in a session, and use it after the user has
// logged out and in again there. It stays refused, and those of the later login work until
// the next logout.
func TestARefreshTokenBelongsToItsLogin(t *testing.T) {
	for name, refresh := range map[string]func(*loginsTest, string, int64) string{
		"opaque": func(_ *loginsTest, tokenID string, _ int64) string { return tokenID },
		"signed": func(g *loginsTest, tokenID string, login int64) string {
			return g.signedRefresh(t, tokenID, map[string]any{"sid": "s", "auth_time": login})
		},
		"signed, without auth_time": func(g *loginsTest, tokenID string, _ int64) string {
			return g.signedRefresh(t, tokenID, map[string]any{"sid": "s"})
		},
		"signed, without a session": func(g *loginsTest, tokenID string, _ int64) string { return g.signedRefresh(t, tokenID, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			g := newLoginsTest(t)
			r := func(tokenID string, login int64) string { return refresh(g, tokenID, login) }
			g.Login(t, hand(g.of(t, g.first, "a1"), r("r1", g.first)))
			g.WantRefreshed(t, r("r1", g.first), hand(g.of(t, g.first, "a2"), r("r2", g.first)))
			g.revoke(t, g.revoked)
			// A login by its claims, and one by the answer that hands it out.
			g.Login(t, hand(g.of(t, g.second, "a3"), r("r3", g.second)))
			g.WantRefreshed(t, r("r3", g.second), hand(g.of(t, g.second, "a4"), r("r4", g.second)))
			g.WantRefreshed(t, r("r4", g.second), hand(g.of(t, g.second, "a5"), r("r4", g.second)))
			for _, old := range []string{"r1", "r2"} {
				g.WantRefused(t, r(old, g.first))
			}
			g.Get(t, "/", g.of(t, g.first, "a2")).Want(t, http.StatusUnauthorized, "unauthorized")
			g.Get(t, "/", g.of(t, g.second, "a5")).Want(t, http.StatusOK, "")

			g.revoke(t, g.revokedAgain)
			for _, old := range []string{"r3", "r4"} {
				g.WantRefused(t, r(old, g.second))
			}
			g.Login(t, hand(g.of(t, g.third, "a6"), r("r6", g.third)))
			g.WantRefreshed(t, r("r6", g.third), hand(g.of(t, g.third, "a7"), r("r7", g.third)))
			g.revoke(t, 0) // for good
			g.WantRefused(t, r("r7", g.third))
		})
	}
}

// Attack (Keycloak): refresh with a stolen token of the first login after the user has logged
// in again. The issuer gives the answer the later `auth_time`. What continues a login stays in
// it, also if the session is revoked only afterwards.
func TestARefreshKeepsTheLoginOfWhatWasPresented(t *testing.T) {
	signed := func(g *loginsTest) string {
		return g.signedRefresh(t, "r1", map[string]any{"sid": "s", "auth_time": g.first})
	}
	for name, c := range map[string]struct {
		stolen func(*loginsTest) string
		seen   bool
	}{
		"opaque":                 {func(*loginsTest) string { return "r1" }, true},
		"signed":                 {signed, true},
		"signed, and never seen": {signed, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := newLoginsTest(t)
			stolen := c.stolen
			if c.seen {
				g.Login(t, hand(g.of(t, g.first, "a1"), stolen(g)))
			}
			moved := g.signedRefresh(t, "r2", map[string]any{"sid": "s", "auth_time": g.second})
			g.WantRefreshed(t, stolen(g), hand(g.of(t, g.second, "a2"), moved))
			g.Get(t, "/", g.of(t, g.second, "a2")).Want(t, http.StatusOK, "")
			g.revoke(t, g.revoked)
			g.WantRefused(t, stolen(g))
			g.WantRefused(t, moved)
			g.Get(t, "/", g.of(t, g.second, "a2")).Want(t, http.StatusUnauthorized, "unauthorized")
			// The user's own login, which the answer of the token endpoint begins.
			g.Login(t, hand(g.of(t, g.second, "a3"), "r3"))
			g.WantRefreshed(t, "r3", hand(g.of(t, g.second, "a4"), "r4"))
		})
	}
	t.Run("while the session is revoked", func(t *testing.T) {
		g := newLoginsTest(t)
		g.Login(t, hand(g.of(t, g.first, "a1"), "r1"))
		g.Answers(func(w http.ResponseWriter, _ *http.Request) {
			g.revoke(t, g.revoked)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"access_token":"` + g.of(t, g.second, "a2") + `","refresh_token":"r2"}`)) // the gate buffers it
		})
		g.Send(t, http.MethodPost, tokenPath, formMedia, "grant_type=refresh_token&refresh_token=r1").WantInvalidGrant(t)
	})
}

// Attack: after the user has logged in again, send another DELETE with an old token, and end
// what the new login got. The ID token names the session, the access token does not, so the
// access token ends by what was learned.
func TestARepeatedLogoutLeavesWhatALaterLoginGot(t *testing.T) {
	g := newLoginsTest(t)
	login := func(at int64, tokenID, refresh string) string {
		access := g.access(t, tokenID, map[string]any{"auth_time": at})
		tokens := hand(access, refresh)
		tokens["id_token"] = g.Mint(t, map[string]any{"sid": "s", "auth_time": at, "jti": nil, "aud": "client"})
		g.Login(t, tokens)
		return access
	}
	old := login(g.first, "a1", "r1")
	g.revoke(t, g.revoked)
	g.Get(t, "/", old).Want(t, http.StatusUnauthorized, "unauthorized")
	again := login(g.second, "a2", "r2")
	for range 2 {
		g.end(t, g.of(t, g.first, "a3")).Want(t, http.StatusNotFound, "invalid_session")
		g.revoke(t, g.revoked)
		g.Get(t, "/", again).Want(t, http.StatusOK, "")
	}
	g.revoke(t, g.revokedAgain)
	g.Get(t, "/", again).Want(t, http.StatusUnauthorized, "unauthorized")
	g.WantRefused(t, "r2")
}

// Fault: the user who logs in again in the session of the issuer gets no tokens, and only this
// line says why. Attack: fill the log by refreshing a token from before the logout.
func TestALoginInAnEndedSessionIsAWarning(t *testing.T) {
	g := newGrantTest(t, Options{})
	warnings := func() int {
		t.Helper()
		text := g.Log.String()
		g.Log.Reset()
		return strings.Count(text, "stays locked out")
	}
	login := func(tokenID string) map[string]any {
		tokens := hand(g.access(t, tokenID, nil), "r"+tokenID)
		// After the logout, by the issuer's clock.
		tokens["id_token"] = g.Mint(t, map[string]any{"sid": "s", "jti": nil, "aud": "client", "iat": time.Now().Unix() + 5})
		return tokens
	}
	g.Login(t, login("1"))
	g.Revoke(t, store.KindSession, "s", 0)
	g.WantRefused(t, "r1")
	if got := warnings(); got != 0 {
		t.Errorf("a refresh: %d warnings, want none", got)
	}
	for _, want := range []int{1, 0, 0} {
		g.Grant(t, login("2"), "grant_type", "password", "username", "a", "password", "b").WantInvalidGrant(t)
		if got := warnings(); got != want {
			t.Errorf("a login: %d warnings, want %d", got, want)
		}
	}
}
