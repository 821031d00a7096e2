package contract

import (
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
	"github.com/sessiongate/sessiongate/tests/running"
)

// eachAdmittingPair runs a test with two gates of a fleet, and with one gate as both, under
// `reauthentication admit`. of returns a token of a session whose user logged in at a time by
// the clock of the issuer, which may be ahead of the gates' by the leeway, so that no test has
// to wait for it; the zero Time is left out.
func eachAdmittingPair(t *testing.T, test func(t *testing.T, a, b *harness.Gate, of func(jti string, login time.Time) string)) {
	t.Helper()
	harness.EachStore(t, func(t *testing.T, store string) {
		config := harness.Config{Store: store, Issuers: admitting, Gate: withLogout}
		a := harness.Start(t, config)
		b := a
		if store != "store bolt" {
			config.Key, config.Upstream = a.Key, a.Upstream
			b = harness.Start(t, config)
		}
		test(t, a, b, func(jti string, login time.Time) string {
			claims := harness.Session("s", "jti", jti)
			if !login.IsZero() {
				claims["auth_time"] = login.Unix()
			}
			return a.Token(claims)
		})
	})
}

// Given `reauthentication admit`, when a user has logged out and in again in the same session,
// then the later login goes on, with its running requests, and ends by its own logout.
//
// Attack: use a token from before the logout, or one that does not say when its user logged in.
// Or send another DELETE with such a token, to end the later login.
func TestALaterLoginGoesOnUntilItsOwnLogout(t *testing.T) {
	t.Parallel()
	eachAdmittingPair(t, func(t *testing.T, a, b *harness.Gate, of func(string, time.Time) string) {
		begun, told := running.Serve(a.Upstream)
		now := time.Now()
		old, bare := of("old", now.Add(-time.Minute)), of("bare", time.Time{})
		harness.See(t, b, old, bare)
		ended := harness.End(t, a, old)
		answers.Invalidated.Check(t, ended)
		later := of("later", time.Now().Add(10*time.Second))
		over := func(tokens ...string) {
			t.Helper()
			for _, g := range []*harness.Gate{a, b} {
				for _, token := range tokens {
					answers.BadToken.Check(t, harness.Get(t, g, token))
				}
			}
		}
		over(old, bare, of("of the second of the logout", now))
		stream := running.Start(t, http.DefaultClient, b.URL("/events"), "later", later, begun)
		for _, g := range []*harness.Gate{a, b} {
			for _, token := range []string{old, bare} {
				answers.NoSession.Check(t, harness.End(t, g, token))
			}
			over(old, bare)
			harness.CheckAdmitted(t, harness.Get(t, a, later))
			harness.CheckAdmitted(t, harness.Get(t, b, later))
			stream.GoesOn(t)
		}

		answers.Invalidated.Check(t, harness.End(t, a, later))
		stream.IsCut(t, time.Now())
		running.Receive(t, told)
		over(old, bare, later)
		answers.NoSession.Check(t, harness.End(t, b, later))
		harness.CheckAdmitted(t, harness.Get(t, b, of("the next", time.Now().Add(20*time.Second))))
		over(old, bare, later)
	})
}

// Given `reauthentication admit`, when the issuer or an operator ends a session, then it is for
// good.
//
// Attack: log in again in that session. Or send a DELETE with a token of it, so that the
// revocation counts up to now only.
func TestAnIssuerAndAnOperatorEndASessionForGood(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, g *harness.Gate){
		"the issuer": func(t *testing.T, g *harness.Gate) {
			checkLoggedOut(t, logOut(t, g, logoutToken(t, g.Key, "1", map[string]any{"sid": "s"})))
		},
		"an operator": func(t *testing.T, g *harness.Gate) {
			operating.Check(t, g, 0, []string{"Revoked: "}, "revoke", "--session", "s")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachAdmittingPair(t, func(t *testing.T, a, b *harness.Gate, of func(string, time.Time) string) {
				now := time.Now()
				old, second := of("old", now.Add(-time.Minute)), of("second", now.Add(10*time.Second))
				harness.See(t, b, old)
				answers.Invalidated.Check(t, harness.End(t, a, old)) // up to now
				harness.See(t, b, second)
				end(t, a)
				for _, g := range []*harness.Gate{a, b} {
					for _, login := range []time.Time{now.Add(-time.Minute), now.Add(10 * time.Second), now.Add(20 * time.Second)} {
						answers.BadToken.Check(t, harness.Get(t, g, of("later", login)))
					}
					answers.NoSession.Check(t, harness.End(t, g, second))
					answers.BadToken.Check(t, harness.Get(t, g, of("third", now.Add(20*time.Second))))
				}
			})
		})
	}
}
