package sessionapi

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/ending"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store"
)

// at returns the claims of a token of a session, or of none if it is "", whose user logged in
// at a time; the zero Time is left out.
func at(session string, login time.Time, more ...any) map[string]any {
	claims := map[string]any{"sid": nil, "jti": nil}
	if session != "" {
		claims["sid"] = session
	}
	if !login.IsZero() {
		claims["auth_time"] = login.Unix()
	}
	for i := 0; i < len(more); i += 2 {
		claims[more[i].(string)] = more[i+1]
	}
	return claims
}

// ends sends a DELETE, and checks what the answer says that it ended; "" for a 404.
func (g *apiTest) ends(t *testing.T, raw, scope string) {
	t.Helper()
	answer := g.end(t, raw, "")
	if scope == "" {
		answer.Want(t, http.StatusNotFound, "invalid_session")
		return
	}
	answer.Want(t, http.StatusOK, invalidated)
	if got := answer.Header().Get("Session-Gate-Ended"); got != scope {
		t.Errorf("Session-Gate-Ended is %q, want %q", got, scope)
	}
}

func (g *apiTest) admits(t *testing.T, raw string, want bool) {
	t.Helper()
	if want {
		g.Get(t, "/", raw).Want(t, http.StatusOK, "")
	} else {
		g.Get(t, "/", raw).Want(t, http.StatusUnauthorized, "unauthorized")
	}
}

func admitReauthentication(o *token.IssuerOptions) { o.AdmitReauthentication = true }

// Attack: log out with one token of a login, and go on with another token of the same login
// that does not name the session.
func TestALogoutEndsEveryTokenOfTheLogin(t *testing.T) {
	for name, by := range map[string]int{"by the ID token": 0, "by the access token": 1} {
		t.Run(name, func(t *testing.T) {
			inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
				login := time.Now()
				tokens := []string{g.Mint(t, at("s", login, "jti", "id")), g.Mint(t, at("", login, "jti", "access"))}
				other := g.Mint(t, at("", login.Add(-time.Minute), "jti", "phone"))
				stranger := g.Mint(t, at("", login, "sub", "bob"))
				g.ends(t, tokens[by], []string{"session", "login"}[by])
				for _, raw := range tokens {
					g.admits(t, raw, false)
				}
				g.admits(t, other, true)
				g.admits(t, stranger, true)
				g.ends(t, tokens[by], "")
			})
		})
	}
}

// Attack (Keycloak): steal a refresh token, and wait until the victim has logged out and in
// again in the same session of the issuer. The issuer gives the thief the later `auth_time`,
// too. So by default a revoked session stays revoked.
func TestARevokedSessionStaysRevokedAfterALaterLogin(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		g.ends(t, g.Mint(t, at("s", time.Now())), "session")
		time.Sleep(time.Minute)
		g.admits(t, g.Mint(t, at("s", time.Now())), false)
	})
}

// With `reauthentication admit`, a later login in the same session is admitted, and everything
// up to the logout is not. Attack: end the later login, or keep it from being ended, by
// another DELETE with an old token.
func TestALaterLoginIsAdmittedAndEndsByItself(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		first := time.Now().Add(-time.Minute)
		old, bare := g.Mint(t, at("s", first, "jti", "old")), g.Mint(t, at("s", time.Time{}, "jti", "bare"))
		g.ends(t, old, "session")
		during := time.Now()
		time.Sleep(time.Minute)
		again := g.Mint(t, at("s", time.Now(), "jti", "again"))
		check := func(admitted bool) {
			t.Helper()
			g.admits(t, old, false)
			g.admits(t, bare, false)
			g.admits(t, g.Mint(t, at("s", during)), false) // a login in the second of the logout
			g.admits(t, again, admitted)
		}
		check(true)
		for range 3 {
			time.Sleep(time.Second)
			g.ends(t, old, "")
			g.ends(t, bare, "")
			check(true)
		}
		g.ends(t, again, "session")
		check(false)
		time.Sleep(time.Minute)
		third := g.Mint(t, at("s", time.Now(), "jti", "third"))
		check(false)
		g.admits(t, third, true)
		g.ends(t, again, "")
		g.ends(t, third, "session")
		g.admits(t, third, false)
	}, admitReauthentication)
}

// Attack: an operator or an issuer revokes a session for good, and its user sends a DELETE so
// that the revocation counts up to now only.
func TestARevocationForGoodStays(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		old := g.Mint(t, at("s", time.Now()))
		g.admits(t, old, true)
		key := g.Hub.SessionKey("https://id.example.com", "s")
		if err := g.Hub.Revoke(t.Context(), hub.Cause{}, store.Revocation{Kind: store.KindSession, Key: key, Expires: g.Hub.Expires(time.Now())}); err != nil {
			t.Fatal(err)
		}
		g.ends(t, old, "")
		time.Sleep(time.Minute)
		g.admits(t, g.Mint(t, at("s", time.Now())), false)
	}, admitReauthentication)
}

// A machine's token shares its subject with the other tokens of the machine. A logout ends it
// alone.
func TestAMachineEndsItsTokenAlone(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		machine := func(jti string) string {
			return g.Mint(t, map[string]any{"sid": nil, "jti": jti, "sub": "job", "client_id": "job"})
		}
		one, sibling := machine("1"), machine("2")
		g.ends(t, one, "token")
		g.admits(t, one, false)
		g.admits(t, sibling, true)
		g.ends(t, one, "")
	})
}

// The tokens of many issuers name no session and no login (Auth0). Attack: log out, and go on
// with another token of the same user. So everything of the subject ends, and a token that
// was issued later is admitted.
func TestATokenWithoutASessionEndsItsSubject(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		one, other := g.Mint(t, at("", time.Time{}, "jti", "1")), g.Mint(t, at("", time.Time{}, "jti", "2"))
		bob := g.Mint(t, at("", time.Time{}, "sub", "bob"))
		g.ends(t, one, "subject")
		later := g.Mint(t, at("", time.Time{}, "jti", "3"))
		for range 2 {
			g.admits(t, one, false)
			g.admits(t, other, false)
			g.admits(t, bob, true)
			g.admits(t, later, true)
			// Attack: another DELETE with the old token, to end the later login.
			time.Sleep(time.Minute)
			g.ends(t, one, "")
			later = g.Mint(t, at("", time.Time{}, "jti", "4"))
		}
	})
}

func TestATokenWithoutASessionEndsAsConfigured(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		one, other := g.Mint(t, at("", time.Time{}, "jti", "1")), g.Mint(t, at("", time.Time{}, "jti", "2"))
		g.ends(t, one, "token")
		g.admits(t, one, false)
		g.admits(t, other, true)
	}, func(o *token.IssuerOptions) { o.WithoutSession = token.EndToken })
}

// Attack: obtain a token whose session claim is the id of the victim's login, as lists and
// placeholders show it, and log out.
func TestASessionClaimThatLooksLikeALoginEndsNothingElse(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		login := time.Now()
		victim := g.Mint(t, at("", login))
		id := store.LoginID(store.NewLoginKey("orders", "https://id.example.com", "alice", login.Unix()))
		mallory := func(jti string) string { return g.Mint(t, at(id, time.Time{}, "jti", jti, "sub", "mallory")) }
		g.admits(t, mallory("1"), true) // before the victim is seen here
		g.admits(t, victim, true)
		elsewhere := g.Mint(t, at("elsewhere", time.Time{}, "jti", "3", "sub", "mallory"))
		g.end(t, elsewhere, `{"session_id":"`+id+`"}`).Want(t, http.StatusNotFound, "invalid_session")
		g.end(t, mallory("1"), `{"session_id":"`+id+`"}`).Want(t, http.StatusOK, "session_id")
		g.admits(t, mallory("2"), false)
		g.admits(t, victim, true)
		g.ends(t, victim, "login")
	})
}

// The list names a login, and its owner may end it by that name from another one.
func TestALoginIsListedAndEndedByItsName(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		phone, laptop := g.Mint(t, at("", time.Now().Add(-time.Hour))), g.Mint(t, at("", time.Now()))
		g.admits(t, phone, true)
		g.admits(t, laptop, true)
		listed := g.listAt(t, laptop, "")
		if len(listed.Sessions) != 2 {
			t.Fatalf("listed are %+v, want two logins", listed.Sessions)
		}
		for _, s := range listed.Sessions {
			if !s.Current {
				answer := g.end(t, laptop, `{"session_id":"`+s.SessionID+`"}`)
				answer.Want(t, http.StatusOK, s.SessionID)
				if got := answer.Header().Get("Session-Gate-Ended"); got != "login" {
					t.Errorf("Session-Gate-Ended is %q, want login", got)
				}
			}
		}
		g.admits(t, phone, false)
		g.admits(t, laptop, true)
		g.delete(t, sessionsPath+exceptCurrent, laptop).Want(t, http.StatusOK, allEnded)
		g.admits(t, laptop, true)
	})
}

// Attack, during a rolling upgrade: log out with a token that names only its login, and use
// it again at a gate of the older version, which knows no logins.
func TestALogoutEndsTheTokenItselfWhereOlderGatesMayBe(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		unknown := hub.New(hub.Options{Namespace: "orders"}) // of a fleet that it has not heard of yet
		for _, c := range []struct {
			session string
			of      *hub.Hub
			want    []store.Kind
		}{
			{"", unknown, []store.Kind{store.KindSession, store.KindToken}},
			{"", g.Hub, []store.Kind{store.KindSession}},
			{"s", unknown, []store.Kind{store.KindSession, store.KindSession}},
		} {
			verified, err := g.Verifier.Verify(g.Mint(t, at(c.session, time.Now())), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			var got []store.Kind
			for _, r := range ending.Known(c.of, verified, time.Now()).Revocations {
				got = append(got, r.Kind)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("session %q: revokes %v, want %v", c.session, got, c.want)
			}
		}
	})
}
