package tokenendpoint

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// Some issuers give no `sid`. Then a login and its refreshes are one session, and any of
// its access tokens ends it.
func TestALoginWithoutASessionIDIsOneSession(t *testing.T) {
	for name, jti := range map[string]bool{"with token ids": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			g := newGrantTest(t, Options{})
			id := func(n string) string {
				if jti {
					return g.access(t, n, nil)
				}
				return g.Mint(t, map[string]any{"sid": nil, "jti": nil, "n": n})
			}
			first, second, third := id("t1"), id("t2"), id("t3")
			g.Login(t, hand(first, "r1"))
			g.WantRefreshed(t, "r1", hand(second, "r2"))
			g.WantRefreshed(t, "r2", hand(third, "r3"))
			for _, token := range []string{first, second, third} {
				g.Get(t, "/", token).Want(t, http.StatusOK, "")
			}
			g.end(t, second).Want(t, http.StatusOK, invalidated)
			for _, token := range []string{first, second, third} {
				g.Get(t, "/", token).Want(t, http.StatusUnauthorized, "unauthorized")
				g.end(t, token).Want(t, http.StatusNotFound, "invalid_session")
			}
			for _, refresh := range []string{"r1", "r2", "r3"} {
				g.WantRefused(t, refresh)
			}
		})
	}
}

// An endpoint that does not rotate issues only access tokens.
func TestARefreshTokenThatStaysKeepsItsSession(t *testing.T) {
	g := newGrantTest(t, Options{})
	g.Login(t, hand(g.access(t, "t1", nil), "r"))
	g.WantRefreshed(t, "r", map[string]any{"access_token": g.access(t, "t2", nil)})
	g.WantRefreshed(t, "r", hand(g.access(t, "t3", nil), "r"))
	g.end(t, g.access(t, "t3", nil)).Want(t, http.StatusOK, invalidated)
	for _, token := range []string{"t1", "t2"} {
		g.Get(t, "/", g.access(t, token, nil)).Want(t, http.StatusUnauthorized, "unauthorized")
	}
	g.WantRefused(t, "r")
}

// A refresh token that no gate has learned begins a session when it is first presented. Two
// gates at once must begin the same session.
func TestARefreshTokenFromBeforeBeginsASession(t *testing.T) {
	g := newGrantTest(t, Options{})
	g.WantRefreshed(t, "old", hand(g.access(t, "t1", nil), "r1"))
	g.WantRefreshed(t, "old", hand(g.access(t, "t2", nil), "r2"))
	g.end(t, g.access(t, "t1", nil)).Want(t, http.StatusOK, invalidated)
	g.Get(t, "/", g.access(t, "t2", nil)).Want(t, http.StatusUnauthorized, "unauthorized")
	for _, refresh := range []string{"old", "r1", "r2"} {
		g.WantRefused(t, refresh)
	}
}

// The access token names no session, and the ID token beside it does. A logout of the
// issuer that names this session must end the access token, too.
func TestTheIDTokenSaysWhichSessionItIs(t *testing.T) {
	g := newGrantTest(t, Options{})
	tokens := hand(g.access(t, "t1", nil), "r1")
	tokens["id_token"] = g.Mint(t, map[string]any{"sid": "s", "jti": nil, "aud": "client"})
	g.Login(t, tokens)
	g.WantRefreshed(t, "r1", hand(g.access(t, "t2", nil), "r2")) // without an ID token
	g.Get(t, "/", g.access(t, "t2", nil)).Want(t, http.StatusOK, "")
	g.Revoke(t, store.KindSession, "s", 0)
	for _, token := range []string{"t1", "t2"} {
		g.Get(t, "/", g.access(t, token, nil)).Want(t, http.StatusUnauthorized, "unauthorized")
	}
	g.WantRefused(t, "r2")
}

// A DELETE with such an access token ends the session that the ID token names, at every endpoint
// (Zitadel, Spring Authorization Server). The answer calls it a login, because this token names
// no session.
func TestADeleteEndsTheSessionOfTheIDToken(t *testing.T) {
	g := newGrantTest(t, Options{})
	tokens := hand(g.access(t, "t1", nil), "r1")
	tokens["id_token"] = g.Mint(t, map[string]any{"sid": "s", "jti": nil, "aud": "client"})
	g.Login(t, tokens)
	named := g.access(t, "t2", map[string]any{"sid": "s"})
	g.Get(t, "/", named).Want(t, http.StatusOK, "")
	ended := g.end(t, g.access(t, "t1", nil))
	ended.Want(t, http.StatusOK, invalidated)
	if scope := ended.Header().Get("Session-Gate-Ended"); scope != "login" {
		t.Errorf("the DELETE ended the %s, want the login", scope)
	}
	g.Get(t, "/", named).Want(t, http.StatusUnauthorized, "unauthorized")
	g.WantRefused(t, "r1")
}

// Attack: put a token of one session into the answer to another, to end a session with a
// foreign token. Only tokens that the endpoint issued together belong together.
func TestTokensOfOtherSessionsAreNotRevoked(t *testing.T) {
	g := newGrantTest(t, Options{})
	g.Login(t, hand(g.access(t, "alices", nil), "r1"))
	mallory := g.access(t, "mallorys", map[string]any{"sub": "mallory"})
	g.Answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	form := "grant_type=refresh_token&refresh_token=guessed&access_token=" + mallory
	g.Send(t, http.MethodPost, tokenPath, formMedia, form).Want(t, http.StatusBadRequest, "")
	g.Take()
	g.end(t, mallory).Want(t, http.StatusOK, invalidated)
	g.Get(t, "/", g.access(t, "alices", nil)).Want(t, http.StatusOK, "")
	g.WantRefreshed(t, "r1", hand(g.access(t, "more", nil), "r2"))
}

// Attack: refresh while the session is being revoked, so that the refresh and the
// revocation miss each other. The refresh has gone up before the revocation began.
func TestARefreshDuringARevocationYieldsNothing(t *testing.T) {
	for _, moment := range []string{"the whole revocation before the upstream answers", "the whole revocation before it is learned", "the answer before the members are read"} {
		t.Run(moment, func(t *testing.T) {
			g := newGrantTest(t, Options{})
			first, second := g.access(t, "t1", nil), g.access(t, "t2", nil)
			g.Login(t, hand(first, "r1"))
			h := g.Store
			end := func() { g.end(t, first).Want(t, http.StatusOK, invalidated) }
			tokens := `{"access_token":"` + second + `","refresh_token":"r2"}`
			inForce, answered, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
			g.Answers(func(w http.ResponseWriter, _ *http.Request) {
				switch moment {
				case "the whole revocation before the upstream answers":
					end()
				case "the answer before the members are read":
					go func() { defer close(ended); end() }()
					<-inForce
				}
				_, _ = w.Write([]byte(tokens)) // the gate buffers it
			})
			switch moment {
			case "the whole revocation before it is learned":
				h.On("Learn", func() error { end(); return nil })
			case "the answer before the members are read":
				h.On("Members", func() error { close(inForce); <-answered; return nil })
			}
			g.Send(t, http.MethodPost, tokenPath, formMedia, "refresh_token=r1").WantInvalidGrant(t)
			if close(answered); moment == "the answer before the members are read" {
				<-ended
				g.Get(t, "/", second).Want(t, http.StatusUnauthorized, "unauthorized")
			}
			g.Take()
			g.WantRefused(t, "r1")
			g.WantRefused(t, "r2")
		})
	}
}

// The other order: the token is learned and found clear before the revocation, and issued
// while the revocation is running. Then it is among the session's tokens.
func TestARefreshBeforeARevocationIsFoundByIt(t *testing.T) {
	g := newGrantTest(t, Options{})
	first, second := g.access(t, "t1", nil), g.access(t, "t2", nil)
	g.Login(t, hand(first, "r1"))
	h := g.Store
	var once atomic.Bool
	h.On("Known", func() error { // the DELETE looks up its session, and has revoked nothing yet
		if once.CompareAndSwap(false, true) {
			g.WantRefreshed(t, "r1", hand(second, "r2"))
		}
		return nil
	})
	g.end(t, first).Want(t, http.StatusOK, invalidated)
	g.Get(t, "/", second).Want(t, http.StatusUnauthorized, "unauthorized")
	g.WantRefused(t, "r2")
}

// Invariant 7: while the tokens of a session are unknown, the gate does not confirm its
// end. The next call continues where this one stopped. Meanwhile everything of the subject is
// refused, because the gate did not know whether the token has a session.
func TestARevocationThatCannotFindTheMembersIsNotConfirmed(t *testing.T) {
	g := newGrantTest(t, Options{})
	first, second := g.access(t, "t1", nil), g.access(t, "t2", nil)
	g.Login(t, hand(first, "r1"))
	g.WantRefreshed(t, "r1", hand(second, "r2"))
	h := g.Store
	fails := func() error { return errors.New("no answer") }

	h.On("Known", fails)
	g.end(t, first).Want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	g.Get(t, "/", first).Want(t, http.StatusUnauthorized, "unauthorized") // revoked here, and retried
	g.end(t, first).Want(t, http.StatusServiceUnavailable, "temporarily_unavailable")

	h.On("Known", nil)
	h.On("Members", fails)
	for range 2 {
		g.end(t, first).Want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
		g.Get(t, "/", second).Want(t, http.StatusUnauthorized, "unauthorized")
	}
	h.On("Members", nil)
	g.end(t, first).Want(t, http.StatusNotFound, "invalid_session")
	g.Get(t, "/", second).Want(t, http.StatusUnauthorized, "unauthorized")
	g.WantRefused(t, "r2")
}
