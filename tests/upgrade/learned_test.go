package upgrade

import (
	"fmt"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/issuing"
)

// Attack, during a rolling upgrade: log out at a gate of the one version, and use the refresh
// token at a gate of the other one. What either version has learned counts at both.
func TestLearnedTokensAreSharedByBothVersions(t *testing.T) {
	t.Parallel()
	f := newFleet(t, harness.Redis(redistest.Start(t).Addr(), namespace))
	f.before.Gate = "token_endpoint " + issuing.Path
	f.after.Gate = f.before.Gate
	gates := []*harness.Gate{harness.Start(t, f.before), harness.Start(t, f.after)}
	issuer := new(issuing.Endpoint)
	issuer.ServeAt(t, gates[0])
	for n := range 1 << 3 {
		login, refresh, logout := gates[n&1], gates[n>>1&1], gates[n>>2&1]
		for name, claims := range map[string]map[string]any{
			"without a session": nil,
			"of a login":        {"auth_time": time.Now().Unix() - 1000 + int64(n)},
			"of a session":      harness.Session(fmt.Sprint(n), "jti", nil),
		} {
			issuer.SetClaims(claims)
			first := issuing.Login(t, login)
			second := issuing.Refresh(t, refresh, first.Refresh)
			for _, g := range gates {
				harness.CheckAdmitted(t, harness.Get(t, g, second.Access))
			}
			answers.Invalidated.Check(t, harness.End(t, logout, second.Access))
			for i, g := range gates {
				answers.BadToken.Check(t, harness.Get(t, g, second.Access))
				for _, token := range []string{first.Refresh, second.Refresh} {
					issuer.CheckRefused(t, g, token)
				}
				if t.Failed() {
					t.Fatalf("tokens %s, round %03b, gate %d", name, n, i)
				}
			}
		}
	}
}
