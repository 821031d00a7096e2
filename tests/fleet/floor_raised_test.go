package fleet

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// Attack: make Redis lose a revocation while the only gate that knows it may be away.
// Nobody can tell what the revocation log lacks. So every token from before is refused, and
// a new login passes.
func TestAnUnknownLossRefusesEarlierTokens(t *testing.T) {
	t.Parallel()
	for name, save := range map[string]bool{"an empty Redis, and a gate is missing": false, "an old dump, and a gate is missing": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			redis := redistest.Start(t)
			config := harness.Config{
				Store: harness.Redis(redis.Addr(), "lost"), App: "lease 500ms\nleeway 1s", Key: harness.NewKey(),
				Site: "log\nlog_append reason {http.session_gate.reason}",
			}
			a, b := harness.Start(t, config), harness.Start(t, config)
			live, own, revoked := a.Token(harness.Session("lives on")), a.Token(harness.Session("own")), a.Token(harness.Session("revoked"))
			harness.See(t, a, live, own)
			harness.See(t, b, live, revoked)
			if save {
				redis.Do("SAVE")
			}
			answers.Invalidated.Check(t, harness.End(t, a, revoked))
			redis.Stop()
			b.Kill() // it has not left the list of gates
			lost := time.Now().Unix()
			harness.Eventually(t, 15*time.Second, "no lease is good", func() bool { return operating.StateOf(t, a).Fenced })
			redis.Restart()
			harness.Eventually(t, 20*time.Second, "the gate answers by what it holds", func() bool { return harness.StatusOf(t, a, live) != 503 })

			answers.BadToken.Check(t, a.Send(t, "GET", "/of/before", harness.Bearer(live)))
			if line := harness.AccessOf(t, a, "/of/before"); line.Reason != "revoked" {
				t.Errorf("the access log says %+v, want the reason revoked", line)
			}
			floor := operating.StateOf(t, a).Floor
			if floor < lost+1 || floor > time.Now().Unix()+1 {
				t.Errorf("the floor is %d s after the loss", floor-lost)
			}
			if n := strings.Count(a.Logs(), "this gate refuses all tokens issued up to the floor"); n != 1 {
				t.Errorf("the log says %d times that tokens are refused, want once", n)
			}
			answers.Invalidated.Check(t, harness.End(t, a, own)) // the holder of such a token may end the session
			answers.NoSession.Check(t, harness.End(t, a, revoked))

			// The second of the floor is refused; the next one passes.
			at := func(second int64) string {
				return a.Token(harness.Session(fmt.Sprint("issued at ", second), "iat", second))
			}
			harness.Eventually(t, 10*time.Second, "the second after the floor passes", func() bool { return harness.StatusOf(t, a, at(floor+1)) == 200 })
			answers.BadToken.Check(t, harness.Get(t, a, at(floor)))

			// The gate that was away, and a new one, refuse the same tokens.
			b.Restart()
			c := harness.Start(t, config)
			login := harness.LogIn(t, a, "logs in again")
			for _, g := range []*harness.Gate{a, b, c} {
				for _, token := range []string{live, own, revoked, at(floor)} {
					answers.BadToken.Check(t, harness.Get(t, g, token))
				}
				harness.CheckAdmitted(t, harness.Get(t, g, login))
				if got := operating.StateOf(t, g).Floor; got != floor {
					t.Errorf("a gate has the floor %d, another %d", got, floor)
				}
			}
			// Another loss, with gates as witnesses, neither raises nor lowers the floor.
			redis.Do("FLUSHALL")
			before := operating.StateOf(t, a).Generation
			harness.Eventually(t, 10*time.Second, "the log is another", func() bool {
				got := operating.StateOf(t, a)
				return got.Generation != before && got.State != "repair" && got.State != ""
			})
			for _, g := range []*harness.Gate{a, b, c} {
				harness.Recovers(t, g, login)
				answers.BadToken.Check(t, harness.Get(t, g, live))
				if got := operating.StateOf(t, g).Floor; got != floor {
					t.Errorf("after another loss a gate has the floor %d, want %d", got, floor)
				}
			}
		})
	}
}

// A refresh token that is used for months outlives the stored revocations. After an
// operator raises the retention, access tokens from before that time are refused, but not
// the refresh tokens that a gate has learned. Attack: use such a token after a loss, when
// nobody can tell whether its session was ended. It must be refused like all others.
func TestALearnedRefreshTokenOutlivesTheRetentionButNoLoss(t *testing.T) {
	t.Parallel()
	const brief, months = 2 * time.Second, "max_token_lifetime 1h\nretention 2160h"
	for name, c := range map[string]struct {
		store func(redis *redistest.Server) string
		lose  func(t *testing.T, g *harness.Gate, redis *redistest.Server)
	}{
		"bolt": {func(*redistest.Server) string { return "store bolt {$GATE_DIR}/revocations.db" }, func(t *testing.T, g *harness.Gate, _ *redistest.Server) {
			g.Stop()
			if printed, code := operating.Run(t, g, "repair", "--file", g.Dir()+"/revocations.db", "--restored"); code != 0 {
				t.Fatalf("repair prints\n%s", printed)
			}
			g.Restart()
		}},
		"redis": {func(redis *redistest.Server) string { return harness.Redis(redis.Addr(), "months") }, func(t *testing.T, g *harness.Gate, redis *redistest.Server) {
			g.Kill() // no gate can confirm the revocation log, and the setting is `relogin`
			redis.Do("SAVE")
			redis.Restart()
			g.Restart()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var redis *redistest.Server
			app := "leeway 0s\n"
			if name == "redis" {
				redis = redistest.Start(t)
				app += "lease 500ms\n"
			}
			config := harness.Config{Store: c.store(redis), App: app + "max_token_lifetime 2s\nretention 2s", Gate: "token_endpoint " + issuing.Path}
			g := harness.Start(t, config)
			issuer := new(issuing.Endpoint)
			issuer.ServeAt(t, g)
			lives := func(d time.Duration) { // the lifetime of tokens that are issued from now on
				issuer.SetClaims(harness.Session("months", "exp", time.Now().Add(d).Unix()))
			}
			began := time.Now().Unix()
			lives(brief)
			first := issuing.Login(t, g)
			harness.Eventually(t, 10*time.Second, "what was issued then is older than the retention", func() bool { return harness.StatusOf(t, g, first.Access) == 401 })

			config.App = app + months
			if redis != nil {
				config.App += "\nbootstrap relogin"
			}
			harness.Load(t, g, config)
			old := g.Token(harness.Session("old", "iat", began, "exp", time.Now().Add(time.Minute).Unix()))
			harness.Eventually(t, 10*time.Second, "access tokens from then are refused", func() bool { return harness.StatusOf(t, g, old) == http.StatusUnauthorized })
			lives(time.Minute)
			second := issuing.Refresh(t, g, first.Refresh)
			harness.CheckAdmitted(t, harness.Get(t, g, second.Access))
			third := issuing.Refresh(t, g, first.Refresh) // it is still valid

			c.lose(t, g, redis)
			for _, token := range []string{first.Refresh, second.Refresh, third.Refresh} {
				issuer.CheckRefused(t, g, token)
			}
			answers.BadToken.Check(t, harness.Get(t, g, second.Access))
			var again issuing.Tokens
			harness.Eventually(t, 10*time.Second, "a new login passes", func() bool {
				lives(time.Minute)
				got := issuing.Ask(t, g, url.Values{"grant_type": {"password"}})
				if got.Status != 200 {
					return false
				}
				again = issuing.HandedOut(t, got)
				// Tokens of the floor's second are refused. For the refresh token, the time
				// of its request counts.
				return harness.StatusOf(t, g, again.Access) == 200 && issuing.Ask(t, g, issuing.Refreshing(again.Refresh)).Status == 200
			})
			last := issuing.Refresh(t, g, again.Refresh)
			answers.Invalidated.Check(t, harness.End(t, g, last.Access))
			issuer.CheckRefused(t, g, again.Refresh)
		})
	}
}
