package tokenendpoint

import (
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

// JWT refresh tokens are checked by their claims, whether or not the gate saw them in an
// answer.
func TestARevokedJWTRefreshTokenDoesNotGoUp(t *testing.T) {
	now := time.Now()
	hour := map[string]any{"aud": tokentest.Issuer, "typ": "Refresh", "exp": now.Add(time.Hour).Unix()}
	with := func(changes map[string]any) map[string]any {
		all := map[string]any{}
		for _, claims := range []map[string]any{hour, changes} {
			for name, value := range claims {
				all[name] = value
			}
		}
		return all
	}
	for name, tt := range map[string]struct {
		claims    map[string]any
		kind      store.Kind
		value     string
		notBefore int64
		refused   bool
	}{
		"its session":             {nil, store.KindSession, "session-1", 0, true},
		"another session":         {nil, store.KindSession, "session-2", 0, false},
		"the token":               {nil, store.KindToken, "token-1", 0, true},
		"its subject":             {nil, store.KindSubject, "alice", now.Unix() + 60, true},
		"its subject, long ago":   {nil, store.KindSubject, "alice", now.Add(-time.Minute).Unix(), false},
		"its issuer":              {nil, store.KindIssuer, "", now.Unix() + 60, true},
		"nothing":                 {nil, store.KindToken, "token-2", 0, false},
		"expired":                 {map[string]any{"exp": now.Add(-time.Hour).Unix(), "iat": now.Add(-2 * time.Hour).Unix()}, store.KindToken, "x", 0, true},
		"within the leeway":       {map[string]any{"exp": now.Add(-time.Second).Unix()}, store.KindToken, "x", 0, false},
		"without an end":          {map[string]any{"exp": nil}, store.KindToken, "x", 0, true},
		"without a beginning":     {map[string]any{"iat": nil}, store.KindToken, "x", 0, true},
		"longer than retention":   {map[string]any{"exp": now.Add(25 * time.Hour).Unix()}, store.KindToken, "x", 0, true},
		"as long as retention is": {map[string]any{"exp": now.Unix() + 86400, "iat": now.Unix()}, store.KindToken, "x", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGrantTest(t, Options{})
			refresh := g.Mint(t, with(tt.claims))
			g.Revoke(t, tt.kind, tt.value, tt.notBefore)
			if tt.refused {
				g.WantRefused(t, refresh)
			} else {
				// The answer is for another subject, so that only the presented token
				// decides.
				g.WantRefreshed(t, refresh, map[string]any{"access_token": "opaque"})
			}
		})
	}
}

// Attack: use a refresh token that the gate cannot read to get tokens of a revoked session.
// The gate identifies the token by its hash.
func TestARevokedOpaqueRefreshTokenDoesNotGoUp(t *testing.T) {
	now := time.Now().Unix()
	for name, revoke := range map[string]func(*grantTest){
		"by session": func(g *grantTest) { g.Revoke(t, store.KindSession, "s", 0) },
		"by subject": func(g *grantTest) { g.Revoke(t, store.KindSubject, "alice", now+60) },
		"by issuer":  func(g *grantTest) { g.Revoke(t, store.KindIssuer, "", now+60) },
		"by a DELETE": func(g *grantTest) {
			g.end(t, g.access(t, "t9", map[string]any{"sid": "s"})).Want(t, 200, invalidated)
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGrantTest(t, Options{})
			sid := map[string]any{"sid": "s"}
			g.Login(t, hand(g.access(t, "t1", sid), "r1"))
			g.WantRefreshed(t, "r1", hand(g.access(t, "t2", sid), "r2"))
			g.WantRefreshed(t, "r2", hand(g.access(t, "t3", sid), "r3"))
			revoke(g)
			for _, refresh := range []string{"r1", "r2", "r3"} {
				g.WantRefused(t, refresh)
			}
			// The endpoint decides about a refresh token that this gate has not seen in an
			// answer.
			g.WantRefreshed(t, "r4", map[string]any{"access_token": "opaque"})
		})
	}
}

// The end of one session must not affect another one.
func TestOtherSessionsCanRefresh(t *testing.T) {
	g := newGrantTest(t, Options{})
	g.Login(t, hand(g.access(t, "t1", nil), "r1"))
	g.Login(t, hand(g.access(t, "t2", nil), "r2"))
	g.end(t, g.access(t, "t1", nil)).Want(t, http.StatusOK, invalidated)
	g.WantRefused(t, "r1")
	g.WantRefreshed(t, "r2", hand(g.access(t, "t3", nil), "r3"))
	g.Get(t, "/", g.access(t, "t3", nil)).Want(t, http.StatusOK, "")
}

// Attack: exchange a token of a revoked session for new ones (RFC 8693).
func TestARevokedTokenIsNotExchanged(t *testing.T) {
	g := newGrantTest(t, Options{})
	g.Login(t, hand(g.access(t, "t1", nil), "r1"))
	access := g.access(t, "t1", nil)
	g.end(t, access).Want(t, http.StatusOK, invalidated)
	for _, form := range []string{"subject_token=" + access, "subject_token=x&actor_token=r1", "grant_type=x&refresh_token=r1"} {
		g.Send(t, http.MethodPost, tokenPath, formMedia, form).WantInvalidGrant(t)
	}
	g.WantTaken(t, 0)
}

// Attack: after the logout, redeem a code, or refresh with a token that the gate does not
// know. The new tokens in the answer name the session.
func TestTokensOfARevokedSessionAreWithheld(t *testing.T) {
	for name, answer := range map[string]func(*grantTest) map[string]any{
		"by the access token": func(g *grantTest) map[string]any { return hand(g.access(t, "t", map[string]any{"sid": "s"}), "r") },
		"by an access token for another audience": func(g *grantTest) map[string]any {
			return hand(g.access(t, "t", map[string]any{"sid": "s", "aud": "other"}), "r")
		},
		"by the ID token": func(g *grantTest) map[string]any {
			tokens := hand("opaque", "r")
			tokens["id_token"] = g.Mint(t, map[string]any{"sid": "s", "jti": nil, "aud": "client"})
			return tokens
		},
		"by the refresh token": func(g *grantTest) map[string]any { return hand("opaque", g.Mint(t, map[string]any{"sid": "s"})) },
		"in camel case": func(g *grantTest) map[string]any {
			return map[string]any{"accessToken": g.Mint(t, map[string]any{"sid": "s"})}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGrantTest(t, Options{})
			g.Revoke(t, store.KindSession, "s", 0)
			a := g.Refresh(t, "unknown", answer(g))
			a.WantInvalidGrant(t)
			g.WantTaken(t, 1)
		})
	}
}

// Tokens that are learned from a withheld answer are refused the next time.
func TestWithheldTokensAreLearned(t *testing.T) {
	g := newGrantTest(t, Options{})
	g.Revoke(t, store.KindSession, "s", 0)
	g.Refresh(t, "r0", hand(g.access(t, "t", map[string]any{"sid": "s"}), "r1")).WantInvalidGrant(t)
	g.Take()
	g.WantRefused(t, "r0")
	g.WantRefused(t, "r1")
}
