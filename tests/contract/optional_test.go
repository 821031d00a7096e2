package contract

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Where tokens are optional, a request without one goes upstream without identity.
//
// Attack: send a revoked token to such a site, or an identity header without any token.
func TestOptionalTokensAreStillChecked(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{
			Store: store, Gate: harness.BothSources + "\noptional\nidentity authelia\nsessions_endpoint /v1/auth/sessions",
		})
		harness.CheckAdmitted(t, g.Send(t, "POST", "/orders", harness.Header("Remote-User", "root"), harness.Header("Remote_User", "root")))
		reached := g.Upstream.TakeOne(t)
		answers.Fields(t, reached.Header, map[string]string{"Remote-User": "", "Remote_User": ""})
		good, revoked := g.Token(harness.Session("good")), g.Token(harness.Session("revoked"))
		harness.CheckAdmitted(t, g.Send(t, "GET", "/orders", harness.Cookie("session="+good)))
		answers.Fields(t, g.Upstream.TakeOne(t).Header, map[string]string{"Remote-User": "alice"})
		answers.Invalidated.Check(t, harness.End(t, g, revoked))
		tokens := harness.Untrusted(t, g)
		tokens["revoked"] = revoked
		for name, token := range tokens {
			t.Run(name, func(t *testing.T) {
				answers.BadToken.Check(t, harness.Get(t, g, token))
				answers.BadToken.Check(t, g.Send(t, "GET", "/orders", harness.Cookie("session="+token)))
			})
		}
		answers.Several.Check(t, g.Send(t, "GET", "/orders", harness.Bearer(good), harness.Cookie("session="+good)))
		answers.Several.Check(t, g.Send(t, "GET", "/orders", harness.Cookie("SESSION="+revoked)))
		// The gate's own paths need a token.
		answers.NoToken.Check(t, g.Send(t, "DELETE", harness.Endpoint))
		answers.NoToken.Check(t, g.Send(t, "GET", "/v1/auth/sessions"))
		answers.NoToken.Check(t, g.Send(t, "DELETE", "/v1/auth/sessions"))
		answers.NoToken.Check(t, g.Send(t, "DELETE", "/v1/auth/sessions/good"))
		harness.CheckUnreached(t, g)
	})
}
