package tokenendpoint

import (
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/tokenendpoint/granttest"
	"github.com/sessiongate/sessiongate/store"
)

// Attack: the user ends all sessions, and so a stolen token that names none. The user logs in
// again in the session that a gate has learned for that token. The thief sends DELETE with it,
// and ends the new login.
func TestATokenOfAnEndedSubjectEndsNoLearnedSession(t *testing.T) {
	for name, changes := range map[string][]func(*token.IssuerOptions){
		"refuse": nil, "admit": {admitReauthentication},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGrantTest(t, Options{}, changes...)
			login := func(jti string, at, iat int64) (access, session string) {
				access = g.access(t, jti, map[string]any{"iat": iat})
				tokens := hand(access, "r"+jti)
				tokens["id_token"] = g.Mint(t, map[string]any{"sid": "s", "auth_time": at, "jti": nil, "aud": "client", "iat": iat})
				g.Login(t, tokens)
				return access, g.access(t, jti+"s", map[string]any{"sid": "s", "auth_time": at, "iat": iat})
			}
			now := time.Now().Unix()
			stolen, _ := login("1", now-300, now-300)
			g.Get(t, "/", stolen).Want(t, http.StatusOK, "")
			g.Revoke(t, store.KindSubject, "alice", now-200)
			g.Get(t, "/", stolen).Want(t, http.StatusUnauthorized, "unauthorized")
			_, again := login("2", now-100, now-100)
			g.Get(t, "/", again).Want(t, http.StatusOK, "")
			for range 2 {
				answer := g.end(t, stolen)
				if answer.Code == http.StatusOK {
					t.Errorf("answered %d %s", answer.Code, answer.Body)
				}
				g.Get(t, "/", again).Want(t, http.StatusOK, "")
			}
			g.WantRefreshed(t, "r2", hand(g.access(t, "3", nil), "r3"))
		})
	}
}

// Fault: an issuer that writes no `iat`, whose users log in through a token endpoint.
func TestTokensWithoutIssuedAtAreHandedOut(t *testing.T) {
	g := newGrantTest(t, Options{}, func(o *token.IssuerOptions) { o.AcceptMissingIssuedAt = time.Hour })
	bare := func(jti string) string {
		return g.access(t, jti, map[string]any{"iat": nil, "nbf": nil, "exp": time.Now().Add(time.Hour).Unix()})
	}
	first := bare("a1")
	g.Get(t, "/", first).Want(t, http.StatusOK, "")
	g.Login(t, hand(first, "r1"))
	second := bare("a2")
	g.WantRefreshed(t, "r1", hand(second, "r2"))
	g.Get(t, "/", second).Want(t, http.StatusOK, "")
	g.Serve(t, callertest.Request(http.MethodDelete, sessionPath, second, "")).Want(t, http.StatusOK, invalidated)
	g.Get(t, "/", second).Want(t, http.StatusUnauthorized, "unauthorized")
	g.Get(t, "/", first).Want(t, http.StatusUnauthorized, "unauthorized")
	g.WantRefused(t, "r2")
}

// Attack: log out where the clock of the login is ahead of that of the tokens, as with two
// servers of one issuer. The access token names no login, and the gate has learned it.
func TestALearnedLoginAheadOfItsTokensEnds(t *testing.T) {
	g := newGrantTest(t, Options{}, admitReauthentication)
	ahead := time.Now().Unix() + 20
	access := g.access(t, "1", nil)
	tokens := hand(access, "r1")
	tokens["id_token"] = g.Mint(t, map[string]any{"sid": "s", "auth_time": ahead, "jti": nil, "aud": "client"})
	g.Login(t, tokens)
	of := g.access(t, "2", map[string]any{"sid": "s", "auth_time": ahead})
	g.end(t, access).Want(t, http.StatusOK, invalidated)
	g.Get(t, "/", access).Want(t, http.StatusUnauthorized, "unauthorized")
	g.Get(t, "/", of).Want(t, http.StatusUnauthorized, "unauthorized")
	g.WantRefused(t, "r1")
	g.end(t, access).Want(t, http.StatusNotFound, "invalid_session")
}

// Fault: an issuer writes `auth_time` into access tokens, and not into ID tokens (OpenID Connect
// Core §2 requires it there only on request). The user logs in again in a session that was
// revoked up to an instant, and gets nothing.
func TestAnIDTokenWithoutALoginIsOfTheLoginOfItsAnswer(t *testing.T) {
	g := newLoginsTest(t)
	login := func(at int64, tokenID, refresh string) granttest.Answer {
		tokens := hand(g.of(t, at, tokenID), refresh)
		tokens["id_token"] = g.Mint(t, map[string]any{"sid": "s", "jti": nil, "aud": "client"})
		return g.Grant(t, tokens, "grant_type", "password", "username", "a", "password", "b")
	}
	login(g.first, "a1", "r1").Want(t, http.StatusOK, "{")
	g.revoke(t, g.revoked)
	g.Take()
	g.WantRefused(t, "r1")
	login(g.first, "a2", "r2").WantInvalidGrant(t)
	login(g.second, "a3", "r3").Want(t, http.StatusOK, "{")
	g.Get(t, "/", g.of(t, g.second, "a3")).Want(t, http.StatusOK, "")
}
