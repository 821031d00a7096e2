package sessionapi

import (
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// clock is the clock of an issuer: by how much it is ahead of the gate's.
type clock time.Duration

const (
	ahead  = clock(20 * time.Second)
	behind = clock(-20 * time.Second)
)

var clocks = map[string]clock{"ahead": ahead, "behind": behind}

func (c clock) now() time.Time { return time.Now().Add(time.Duration(c)) }

// mint returns a token that the issuer issues now, with all dates by its clock.
func (c clock) mint(t *testing.T, g *apiTest, changes map[string]any) string {
	t.Helper()
	return tokentest.Mint(t, g.Key, tokentest.Claims(c.now(), changes))
}

// noSession returns the claims of a token that names neither a session nor a login.
func noSession(jti string) map[string]any { return map[string]any{"sid": nil, "jti": jti} }

// The leeway is 30 s. Tokens of an issuer whose clock is ahead by no more are admitted at once,
// and later ones when the gate's clock is that near. A token is good until its `exp` and the
// leeway by the gate's clock, so that of a slow issuer dies early, and that of a fast one late.
func TestTokensOfAnIssuerWhoseClockIsOff(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		for _, c := range []struct {
			clock clock
			waits time.Duration // before the gate admits a new token
			lives time.Duration // until the gate refuses it; by the issuer's clock it is 5 m
		}{
			{ahead, 0, 5*time.Minute + 50*time.Second},
			{clock(callertest.Leeway), 0, 6 * time.Minute},
			{clock(callertest.Leeway + 2*time.Second), 2 * time.Second, 6*time.Minute + 2*time.Second},
			{behind, 0, 5*time.Minute + 10*time.Second},
			{-clock(callertest.Leeway + time.Minute), 0, 4 * time.Minute},
			{-clock(callertest.Leeway + 5*time.Minute), 0, 0},
		} {
			raw, issued := c.clock.mint(t, g, nil), time.Now()
			for _, at := range []struct {
				after    time.Duration
				admitted bool
			}{{c.waits - time.Second, false}, {c.waits, c.lives > 0}, {c.lives - time.Second, c.lives > 0}, {c.lives, false}} {
				if at.after >= 0 {
					time.Sleep(time.Until(issued.Add(at.after)))
					g.admits(t, raw, at.admitted)
				}
			}
		}
	})
}

// A session, a login by `auth_time` and a token are revoked by name. So it does not matter what
// the issuer's clock says, also if all of a logout and a login happens within its error.
func TestALogoutByNameDoesNotDependOnTheIssuersClock(t *testing.T) {
	for name, c := range clocks {
		t.Run(name, func(t *testing.T) {
			inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
				machine := func(jti string) string { return c.mint(t, g, map[string]any{"sid": nil, "jti": jti, "azp": "alice"}) }
				for scope, claims := range map[string]func() map[string]any{
					"session": func() map[string]any { return at("of "+c.now().String(), c.now()) },
					"login":   func() map[string]any { return at("", c.now()) },
				} {
					first, reached := claims(), time.Now()
					raw, refreshed := c.mint(t, g, first), func() string { return c.mint(t, g, first) }
					g.ends(t, raw, scope)
					g.admits(t, raw, false)
					g.admits(t, refreshed(), false)
					if took := time.Since(reached); took > 0 {
						t.Errorf("took %v", took)
					}
					time.Sleep(time.Second) // auth_time is in whole seconds
					next := c.mint(t, g, claims())
					g.admits(t, next, true)
					g.admits(t, refreshed(), false)
					g.ends(t, raw, "")
					g.admits(t, next, true)
				}
				one, sibling := machine("1"), machine("2")
				g.ends(t, one, "token")
				g.admits(t, one, false)
				g.admits(t, sibling, true)
			})
		})
	}
}

// everything has the ways in which a user ends all that was issued to him until now.
var everything = map[string]func(t *testing.T, g *apiTest, raw string){
	"DELETE of a token without a session": func(t *testing.T, g *apiTest, raw string) { g.ends(t, raw, "subject") },
	"DELETE of all sessions": func(t *testing.T, g *apiTest, raw string) {
		g.delete(t, sessionsPath, raw).Want(t, http.StatusOK, allEnded)
	},
}

// Attack: the issuer's clock is ahead, so a token that was stolen before the logout says that
// it is from after it. The gate has never seen it, but it has seen by how much the issuer is
// ahead.
func TestAFastIssuersTokensEndWithTheirSubject(t *testing.T) {
	for name, end := range everything {
		t.Run(name, func(t *testing.T) {
			inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
				laptop := ahead.mint(t, g, noSession("laptop"))
				g.admits(t, laptop, true) // the issuer is ahead by this much at least
				time.Sleep(time.Minute)
				stolen := ahead.mint(t, g, noSession("stolen"))
				end(t, g, laptop)
				g.admits(t, laptop, false)
				g.admits(t, stolen, false)
				// By the issuer's clock, the second of the logout has passed, too.
				g.admits(t, ahead.mint(t, g, noSession("a login right after")), true)
			})
		})
	}
}

// If the gate has seen no token within the issuer's lead, it cannot know the lead. Then only
// the tokens of that time are left: not those before, and not the caller's.
func TestALeadThatTheGateHasNotSeenCoversNoMore(t *testing.T) {
	for name, end := range everything {
		t.Run(name, func(t *testing.T) {
			inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
				laptop, older := ahead.mint(t, g, noSession("laptop")), ahead.mint(t, g, noSession("older"))
				time.Sleep(time.Duration(ahead))
				end(t, g, laptop)
				g.admits(t, laptop, false)
				g.admits(t, older, false)
				// A caller's token that is new by itself tells the lead.
				tablet := ahead.mint(t, g, noSession("tablet"))
				stolen := ahead.mint(t, g, noSession("stolen"))
				end(t, g, tablet)
				g.admits(t, tablet, false)
				g.admits(t, stolen, false)
			})
		})
	}
}

// An issuer that is ahead by a part of a second looks as if it was ahead by a whole one, as
// `iat` is in whole seconds. Nothing from before the logout is left. A login right after it may
// be refused, but for less than a second.
func TestALeadOfAPartOfASecond(t *testing.T) {
	for name, end := range everything {
		t.Run(name, func(t *testing.T) {
			inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
				const few = clock(10 * time.Millisecond)
				time.Sleep(995 * time.Millisecond)
				laptop := few.mint(t, g, noSession("laptop"))
				g.admits(t, laptop, true)
				stolen := few.mint(t, g, noSession("stolen"))
				end(t, g, laptop)
				g.admits(t, stolen, false)
				time.Sleep(time.Second - time.Duration(few))
				g.admits(t, few.mint(t, g, noSession("a login")), true)
			})
		})
	}
}

// A slow issuer's tokens look older than they are, so nothing is left of what it issued before
// the logout. Its next tokens look so, too: they are refused until its clock has caught up.
func TestASlowIssuersLoginsAreRefusedUntilItHasCaughtUp(t *testing.T) {
	for name, end := range everything {
		t.Run(name, func(t *testing.T) {
			inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
				laptop, stolen := behind.mint(t, g, noSession("laptop")), behind.mint(t, g, noSession("stolen"))
				ended := time.Now()
				end(t, g, laptop)
				if took := time.Since(ended); took > time.Second {
					t.Errorf("answered after %v, want a second at the most", took)
				}
				g.admits(t, laptop, false)
				g.admits(t, stolen, false)
				for after := 1; after <= 21; after++ {
					time.Sleep(time.Until(ended.Add(time.Duration(after) * time.Second)))
					g.admits(t, behind.mint(t, g, noSession("a login")), after > 20)
				}
			})
		})
	}
}

// Attack: under `reauthentication admit`, a login from before the logout says that it is from
// after it, because the issuer's clock is ahead. The gate has never seen its token.
func TestAFastIssuersLoginsEndWithTheirSession(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		first := ahead.mint(t, g, at("s", ahead.now(), "jti", "first"))
		g.admits(t, first, true)
		time.Sleep(time.Minute)
		second := ahead.mint(t, g, at("s", ahead.now(), "jti", "second"))
		g.ends(t, first, "session")
		g.admits(t, first, false)
		g.admits(t, second, false)
		time.Sleep(time.Second)
		third := ahead.mint(t, g, at("s", ahead.now(), "jti", "third"))
		g.admits(t, third, true)
		g.ends(t, first, "")
		g.ends(t, second, "")
		g.admits(t, third, true)
		g.ends(t, third, "session")
		g.admits(t, third, false)
	}, admitReauthentication)
}

// Under `reauthentication admit`, a later login at a slow issuer is refused until its clock has
// caught up. What was before the logout stays refused.
func TestASlowIssuersReauthenticationIsRefusedUntilItHasCaughtUp(t *testing.T) {
	inAPI(t, Options{}, func(t *testing.T, g *apiTest) {
		first := behind.mint(t, g, at("s", behind.now(), "jti", "first"))
		g.ends(t, first, "session")
		ended := time.Now()
		time.Sleep(20 * time.Second)
		g.admits(t, behind.mint(t, g, at("s", behind.now(), "jti", "early")), false)
		time.Sleep(time.Until(ended.Add(21 * time.Second)))
		second := behind.mint(t, g, at("s", behind.now(), "jti", "second"))
		g.admits(t, second, true)
		g.admits(t, first, false)
		g.ends(t, second, "session")
		g.admits(t, second, false)
	}, admitReauthentication)
}
