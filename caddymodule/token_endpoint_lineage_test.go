package caddymodule

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// before has a token be learned as one that was issued a minute ago.
func (g *grantTest) before(t *testing.T, tokens ...string) {
	t.Helper()
	live := g.app.shared.live.Load()
	for _, token := range tokens {
		known, err := live.known(t.Context(), g.gate.tokenKey(token))
		if err != nil || len(known) != 1 {
			t.Fatalf("%s is known as %v, %v", token, known, err)
		}
		known[0].IssuedAt -= 60
		if err := live.learn(t.Context(), known...); err != nil {
			t.Fatal(err)
		}
	}
}

// The attack: refresh while all sessions of a subject that began before an instant
// are ended, so that the tokens handed out are younger than the instant. They are as
// old as their login.
func TestARefreshedTokenIsAsOldAsItsLogin(t *testing.T) {
	now := time.Now()
	for name, old := range map[string]func(*grantTest) string{
		"an opaque token": func(g *grantTest) string {
			g.login(t, hand(g.access(t, "t1", nil), "r1"))
			g.before(t, "r1")
			return "r1"
		},
		"a JWT that the gate has not seen": func(g *grantTest) string {
			return g.mint(t, map[string]any{"sid": "s", "iat": now.Unix() - 60})
		},
	} {
		for _, moment := range []string{"while it is refreshed", "afterwards"} {
			t.Run(name+", "+moment, func(t *testing.T) {
				g := newGrantTest(t, Gate{})
				first := old(g)
				tokens := hand(g.access(t, "t2", nil), "r2")
				end := func() { g.revoke(t, store.KindSubject, "alice", now.Unix()-30) }
				if moment == "afterwards" {
					g.wantRefreshed(t, first, tokens)
					end()
				} else {
					g.answers(func(w http.ResponseWriter, _ *http.Request) {
						end()
						_ = json.NewEncoder(w).Encode(tokens) // the gate takes it
					})
					g.send(t, http.MethodPost, tokenPath, formMedia, "grant_type=refresh_token&refresh_token="+first).wantInvalidGrant(t)
					g.take()
				}
				g.wantRefused(t, "r2")
				// Another login is not of before.
				again := g.access(t, "t3", nil)
				g.login(t, hand(again, "r3"))
				g.wantRefreshed(t, "r3", hand(again, "r4"))
			})
		}
	}
}
