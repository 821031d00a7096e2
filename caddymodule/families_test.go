package caddymodule

import (
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// Issuers that give no `sid`: a login and its refreshes are one session, which any
// of its access tokens ends.
func TestALoginWithoutASessionIDIsOneSession(t *testing.T) {
	for name, jti := range map[string]bool{"with token ids": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			g := newGrantTest(t, Gate{})
			id := func(n string) string {
				if jti {
					return g.access(t, n, nil)
				}
				return g.mint(t, map[string]any{"sid": nil, "jti": nil, "n": n})
			}
			first, second, third := id("t1"), id("t2"), id("t3")
			g.login(t, hand(first, "r1"))
			g.wantRefreshed(t, "r1", hand(second, "r2"))
			g.wantRefreshed(t, "r2", hand(third, "r3"))
			for _, token := range []string{first, second, third} {
				g.get(t, "/", token).want(t, http.StatusOK, "")
			}
			g.end(t, second, "").want(t, http.StatusOK, invalidated)
			for _, token := range []string{first, second, third} {
				g.get(t, "/", token).want(t, http.StatusUnauthorized, "unauthorized")
				g.end(t, token, "").want(t, http.StatusNotFound, "invalid_session")
			}
			for _, refresh := range []string{"r1", "r2", "r3"} {
				g.wantRefused(t, refresh)
			}
		})
	}
}

// An endpoint that does not rotate hands out access tokens only.
func TestARefreshTokenThatStaysKeepsItsSession(t *testing.T) {
	g := newGrantTest(t, Gate{})
	g.login(t, hand(g.access(t, "t1", nil), "r"))
	g.wantRefreshed(t, "r", map[string]any{"access_token": g.access(t, "t2", nil)})
	g.wantRefreshed(t, "r", hand(g.access(t, "t3", nil), "r"))
	g.end(t, g.access(t, "t3", nil), "").want(t, http.StatusOK, invalidated)
	for _, token := range []string{"t1", "t2"} {
		g.get(t, "/", g.access(t, token, nil)).want(t, http.StatusUnauthorized, "unauthorized")
	}
	g.wantRefused(t, "r")
}

// A refresh token from before the gate learned begins a session when it is first
// presented, at two gates at once the same.
func TestARefreshTokenFromBeforeBeginsASession(t *testing.T) {
	g := newGrantTest(t, Gate{})
	g.wantRefreshed(t, "old", hand(g.access(t, "t1", nil), "r1"))
	g.wantRefreshed(t, "old", hand(g.access(t, "t2", nil), "r2"))
	g.end(t, g.access(t, "t1", nil), "").want(t, http.StatusOK, invalidated)
	g.get(t, "/", g.access(t, "t2", nil)).want(t, http.StatusUnauthorized, "unauthorized")
	for _, refresh := range []string{"old", "r1", "r2"} {
		g.wantRefused(t, refresh)
	}
}

// The access token names no session, and the ID token beside it does: what the
// issuer's logout names then ends the access token too.
func TestTheIDTokenSaysWhichSessionItIs(t *testing.T) {
	g := newGrantTest(t, Gate{})
	tokens := hand(g.access(t, "t1", nil), "r1")
	tokens["id_token"] = g.mint(t, map[string]any{"sid": "s", "jti": nil, "aud": "client"})
	g.login(t, tokens)
	g.wantRefreshed(t, "r1", hand(g.access(t, "t2", nil), "r2")) // without an ID token
	g.get(t, "/", g.access(t, "t2", nil)).want(t, http.StatusOK, "")
	g.revoke(t, store.KindSession, "s", 0)
	for _, token := range []string{"t1", "t2"} {
		g.get(t, "/", g.access(t, token, nil)).want(t, http.StatusUnauthorized, "unauthorized")
	}
	g.wantRefused(t, "r2")
}

// The attack: a token of one session in the answer to another, to end a session
// with a token that is not of it. Only what the endpoint handed out together is.
func TestWhoseTokensAreNotEndedWithOthers(t *testing.T) {
	g := newGrantTest(t, Gate{})
	g.login(t, hand(g.access(t, "alices", nil), "r1"))
	mallory := g.access(t, "mallorys", map[string]any{"sub": "mallory"})
	g.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	form := "grant_type=refresh_token&refresh_token=guessed&access_token=" + mallory
	g.send(t, http.MethodPost, tokenPath, formMedia, form).want(t, http.StatusBadRequest, "")
	g.take()
	g.end(t, mallory, "").want(t, http.StatusOK, invalidated)
	g.get(t, "/", g.access(t, "alices", nil)).want(t, http.StatusOK, "")
	g.wantRefreshed(t, "r1", hand(g.access(t, "more", nil), "r2"))
}

// The attack: refresh while the session is being revoked, so that one of the two
// misses the other. The refresh has gone up before the revocation began.
func TestARefreshDuringARevocationYieldsNothing(t *testing.T) {
	for _, moment := range []string{"the whole revocation before the upstream answers", "the whole revocation before it is learned", "the answer before the members are read"} {
		t.Run(moment, func(t *testing.T) {
			g := newGrantTest(t, Gate{})
			first, second := g.access(t, "t1", nil), g.access(t, "t2", nil)
			g.login(t, hand(first, "r1"))
			h := g.store
			end := func() { g.end(t, first, "").want(t, http.StatusOK, invalidated) }
			tokens := `{"access_token":"` + second + `","refresh_token":"r2"}`
			inForce, answered, ended := make(chan struct{}), make(chan struct{}), make(chan struct{})
			g.answers(func(w http.ResponseWriter, _ *http.Request) {
				switch moment {
				case "the whole revocation before the upstream answers":
					end()
				case "the answer before the members are read":
					go func() { defer close(ended); end() }()
					<-inForce
				}
				_, _ = w.Write([]byte(tokens)) // the gate takes it
			})
			switch moment {
			case "the whole revocation before it is learned":
				h.On("Learn", func() error { end(); return nil })
			case "the answer before the members are read":
				h.On("Members", func() error { close(inForce); <-answered; return nil })
			}
			g.send(t, http.MethodPost, tokenPath, formMedia, "refresh_token=r1").wantInvalidGrant(t)
			if close(answered); moment == "the answer before the members are read" {
				<-ended
				g.get(t, "/", second).want(t, http.StatusUnauthorized, "unauthorized")
			}
			g.take()
			g.wantRefused(t, "r1")
			g.wantRefused(t, "r2")
		})
	}
}

// The other order: learned and found clear before the revocation, and handed out
// while it is under way. Then it is among the members.
func TestARefreshBeforeARevocationIsFoundByIt(t *testing.T) {
	g := newGrantTest(t, Gate{})
	first, second := g.access(t, "t1", nil), g.access(t, "t2", nil)
	g.login(t, hand(first, "r1"))
	h := g.store
	var once atomic.Bool
	h.On("Known", func() error { // the DELETE looks up its session, and has revoked nothing
		if once.CompareAndSwap(false, true) {
			g.wantRefreshed(t, "r1", hand(second, "r2"))
		}
		return nil
	})
	g.end(t, first, "").want(t, http.StatusOK, invalidated)
	g.get(t, "/", second).want(t, http.StatusUnauthorized, "unauthorized")
	g.wantRefused(t, "r2")
}

// Invariant 7: while it is not known what belongs to a session, nobody is told that
// it is over; and the next call goes on where this one stopped.
func TestARevocationThatCannotFindTheMembersIsNotConfirmed(t *testing.T) {
	g := newGrantTest(t, Gate{})
	first, second := g.access(t, "t1", nil), g.access(t, "t2", nil)
	g.login(t, hand(first, "r1"))
	g.wantRefreshed(t, "r1", hand(second, "r2"))
	h := g.store
	fails := func() error { return errors.New("no answer") }

	h.On("Known", fails)
	g.end(t, first, "").want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	g.get(t, "/", first).want(t, http.StatusUnauthorized, "unauthorized") // it is offered
	g.end(t, first, "").want(t, http.StatusServiceUnavailable, "temporarily_unavailable")

	h.On("Known", nil)
	h.On("Members", fails)
	for range 2 {
		g.end(t, first, "").want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
		g.get(t, "/", second).want(t, http.StatusOK, "")
	}
	h.On("Members", nil)
	g.end(t, first, "").want(t, http.StatusNotFound, "invalid_session")
	g.get(t, "/", second).want(t, http.StatusUnauthorized, "unauthorized")
}
