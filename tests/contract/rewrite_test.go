package contract

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// rewrites is a site that changes paths before the gate, in all ways that Caddy has.
const rewrites = `
	handle_path /api/* {
		session_gate
		reverse_proxy {$UPSTREAM}
	}
	handle /legacy/* {
		uri strip_prefix /legacy
		session_gate
		reverse_proxy {$UPSTREAM}
	}
	handle /logout {
		rewrite * /v1/auth/session
		session_gate
		reverse_proxy {$UPSTREAM}
	}
	handle /alias {
		rewrite * /v1/auth/session/
		session_gate
		reverse_proxy {$UPSTREAM}
	}
	handle /v1/* {
		rewrite * /elsewhere
		session_gate
		reverse_proxy {$UPSTREAM}
	}
	handle {
		session_gate
		reverse_proxy {$UPSTREAM}
	}`

// The path that the handler sees counts.
func TestEndpointIsRecognisedAfterRewrites(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Routes: rewrites})
		for _, path := range []string{"/api/v1/auth/session", "/legacy/v1/auth/session", "/logout", "/logout?x=1"} {
			t.Run(path, func(t *testing.T) {
				token := g.Token(harness.Session(path))
				answers.Invalidated.Check(t, g.Send(t, "DELETE", path, harness.Bearer(token)))
				answers.BadToken.Check(t, harness.Get(t, g, token))
			})
		}
		harness.CheckUnreached(t, g)
		t.Run("and paths of other names are not it", func(t *testing.T) {
			token := g.Token(harness.Session("laptop"))
			harness.CheckAdmitted(t, g.Send(t, "DELETE", "/api/v1/auth/sessions", harness.Bearer(token)))
			harness.CheckAdmitted(t, g.Send(t, "DELETE", "/other/v1/auth/session", harness.Bearer(token)))
			harness.CheckAdmitted(t, harness.Get(t, g, token))
		})
	})
}

// Attack: a rewrite before the gate moves the endpoint to another path. The client is told
// that its session ended, although nobody ended it. Or the rewrite creates a spelling that
// only the upstream reads as the endpoint.
func TestEndpointThatIsRewrittenAwayIsRefused(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Routes: rewrites})
		token := g.Token(harness.Session("laptop"))
		for _, path := range []string{
			"/v1/auth/session", "/v1//auth/session", "/v1/auth/session/", "/v1/auth/%73ession",
			"/alias", "/api/v1/auth/session/", "/legacy/v1/auth;x/session",
		} {
			t.Run(path, func(t *testing.T) {
				answers.OtherSpelling.Check(t, g.Raw(t, harness.Lines("DELETE "+path+" HTTP/1.1", "Authorization: Bearer "+token)))
			})
		}
		harness.CheckUnreached(t, g)
		harness.CheckAdmitted(t, harness.Get(t, g, token))
	})
}
