package sessionapi

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
)

// Attack: an operator revokes a stolen token by its id. The thief sends DELETE with it whenever
// the user has logged in again, and ends everything of the user.
func TestATokenThatIsRevokedByItselfEndsNothingElse(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		stolen := g.Mint(t, at("", time.Time{}, "jti", "stolen"))
		g.admits(t, stolen, true)
		g.Revoke(t, store.KindToken, "stolen", 0)
		for range 2 {
			again := g.Mint(t, at("", time.Time{}, "jti", "again"))
			g.ends(t, stolen, "")
			time.Sleep(time.Second)
			g.admits(t, stolen, false)
			g.admits(t, again, true)
		}
	})
}

// Attack: the user ends all other sessions, and so a stolen token. The thief sends DELETE with
// it, and ends the session that the user has excepted.
func TestARevokedTokenEndsNoExceptedSession(t *testing.T) {
	for name, excepted := range map[string]map[string]any{
		"session": at("s", time.Time{}, "jti", "mine"), "login": at("", time.Now(), "jti", "mine"),
	} {
		t.Run(name, func(t *testing.T) {
			inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
				if name == "login" {
					excepted["auth_time"] = time.Now().Unix()
				}
				stolen, mine := g.Mint(t, at("", time.Time{}, "jti", "stolen")), g.Mint(t, excepted)
				g.admits(t, stolen, true)
				g.delete(t, sessionsPath+exceptCurrent, mine).Want(t, http.StatusOK, allEnded)
				for range 2 {
					g.ends(t, stolen, "")
					g.admits(t, stolen, false)
					g.admits(t, mine, true)
					time.Sleep(time.Minute)
				}
			})
		})
	}
}

// Fault: the store does not say what belongs to a token, and the call is repeated, or is not.
// Everything of the subject ends.
func TestALogoutDuringAnOutageEndsTheSubject(t *testing.T) {
	for name, repeats := range map[string]bool{"and is repeated": true, "and is not repeated": false} {
		t.Run(name, func(t *testing.T) {
			inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
				one := g.Mint(t, at("", time.Time{}, "jti", "1"))
				time.Sleep(time.Minute)
				other := g.Mint(t, at("", time.Time{}, "jti", "2"))
				g.admits(t, one, true)
				g.Store.On("Known", func() error { return errors.New("connection refused") })
				for range 2 {
					g.end(t, one, "").Want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
				}
				g.Store.On("Known", nil)
				if repeats {
					if a := g.end(t, one, ""); a.Code != http.StatusNotFound { // the gate's retry was first
						a.Want(t, http.StatusOK, invalidated)
						if scope := a.Header().Get(endedHeader); scope != "subject" {
							t.Errorf("ended %q, want the subject", scope)
						}
					}
				} else {
					time.Sleep(10 * time.Second)
				}
				g.admits(t, one, false)
				g.admits(t, other, false)
				time.Sleep(time.Minute)
				again := g.Mint(t, at("", time.Time{}, "jti", "3"))
				g.ends(t, one, "")
				g.admits(t, again, true)
				heard := make(map[store.Kind]int)
				for _, e := range g.Events.Heard() {
					heard[e.Kind]++
				}
				if heard[store.KindToken] != 1 || heard[store.KindSubject] != 1 {
					t.Errorf("subscribers heard %v, want the token and the subject once", heard)
				}
			})
		})
	}
}

// Fault: a user logs in again in a session that was revoked up to an instant. The session is
// live, and no list shows it to the user.
func TestASessionThatGoesOnAfterItsInstantIsListed(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		first, phone := g.Mint(t, at("s", time.Now(), "jti", "1")), g.Mint(t, at("phone", time.Now().Add(-time.Hour), "jti", "2"))
		g.admits(t, first, true)
		g.admits(t, phone, true)
		g.ends(t, first, "session")
		if ids := g.listAt(t, phone, "").ids(); len(ids) != 1 {
			t.Errorf("listed are %q after the logout, want the phone", ids)
		}
		time.Sleep(time.Minute)
		again := g.Mint(t, at("s", time.Now(), "jti", "3"))
		g.admits(t, again, true)
		if ids := g.listAt(t, phone, "").ids(); len(ids) != 2 {
			t.Errorf("listed are %q after the next login, want the phone and s", ids)
		}
		g.end(t, phone, `{"session_id":"s"}`).Want(t, http.StatusOK, "session_id")
		g.admits(t, again, false)
		if ids := g.listAt(t, phone, "").ids(); len(ids) != 1 {
			t.Errorf("listed are %q at the end, want the phone", ids)
		}
		g.end(t, phone, `{"session_id":"s"}`).Want(t, http.StatusNotFound, "invalid_session")
	}, admitReauthentication)
}

// Attack: the user logs out with a token that names the login only, and logs in again in the
// same session of the issuer. The thief sends DELETE with a token of the first login that
// names the session, too, and ends the new login.
func TestATokenOfAnEndedLoginEndsNoSessionThatGoesOn(t *testing.T) {
	for name, changes := range map[string][]func(*token.IssuerOptions){"refuse": nil, "admit": {admitReauthentication}} {
		t.Run(name, func(t *testing.T) {
			inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
				login := time.Now()
				stolen, access := g.Mint(t, at("s", login, "jti", "stolen")), g.Mint(t, at("", login, "jti", "access"))
				g.ends(t, access, "login")
				time.Sleep(time.Minute)
				again, bare := g.Mint(t, at("s", time.Now(), "jti", "again")), g.Mint(t, at("s", time.Time{}, "jti", "bare"))
				for range 2 {
					g.admits(t, again, true)
					g.admits(t, bare, true)
					g.ends(t, stolen, "")
					g.admits(t, stolen, false)
				}
				g.ends(t, again, "session")
				g.admits(t, bare, false)
			}, changes...)
		})
	}
}

// Attack: log out where the clock of the login is ahead of that of the tokens, as with two
// servers of one issuer. The login is later than the instant, and goes on.
func TestALoginAheadOfItsTokensEnds(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		ahead := time.Now().Add(20 * time.Second)
		access, bare := g.Mint(t, at("s", ahead, "jti", "1")), g.Mint(t, at("s", time.Time{}, "jti", "2"))
		g.admits(t, access, true)
		g.ends(t, bare, "session")
		g.admits(t, access, false)
		g.admits(t, bare, false)
	}, admitReauthentication)
}
