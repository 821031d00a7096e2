package tests

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: upstreams that were written to run behind a URL rewriter serve the path
// of a header, whatever the request line says (CVE-2018-14773): a public path
// opens all others, and a logout ends what goes on at the gates.
func TestURLInAHeaderOpensNothing(t *testing.T) {
	g := harness.Start(t, harness.Config{TLS: true, Gate: publicGate, Global: `servers {
		expected_underscore_headers X_Original_Url
		expected_dot_headers X.Forwarded.Uri
	}`})
	token := g.Token(session("laptop"))
	see(t, g, token)
	bearer := "Authorization: Bearer " + token
	fields := []string{"X-Rewrite-URL", "x-original-uri", "X_Original_Url", "X.Forwarded.Uri"}
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		send := func(method, target string, fields ...string) harness.Answer {
			t.Helper()
			return g.Over(t, protocol, harness.Request{Method: method, Target: target, Fields: fields})
		}
		for _, field := range fields {
			t.Run(field, func(t *testing.T) {
				for _, path := range []string{"/healthz", "/assets/app.js"} {
					for _, elsewhere := range []string{"/orders", "/assets/../orders", "https://gate.test/orders", "/healthz, /orders", "/", "", "orders", "//x/orders"} {
						noToken.check(t, send("GET", path, field+": "+elsewhere))
						// Caddy drops aliases that come twice.
						if strings.Contains(field, "-") {
							noToken.check(t, send("GET", path, field+": /healthz", field+": "+elsewhere))
						}
					}
					checkUnreached(t, g)
					// A front proxy that says the truth, and a user with a token.
					checkAdmitted(t, send("GET", path, field+": "+path+"?x=/orders"))
					checkAdmitted(t, send("GET", path, field+": https://gate.test"+path))
					checkAdmitted(t, send("GET", path, field+": /orders", bearer))
					checkAdmitted(t, send("GET", "/orders", field+": /healthz", bearer))
					if reached := g.Upstream.Take(); len(reached) != 4 {
						t.Errorf("%d requests reached the upstream, want 4", len(reached))
					}
				}
				noToken.check(t, send("GET", "/orders", field+": /healthz"))
				for _, path := range append(spellings, endpoint, endpoint+"?x", "https://gate.test"+endpoint, "/x, "+endpoint) {
					misspelt.check(t, send("DELETE", "/orders/1", field+": "+path, bearer))
				}
				misspelt.check(t, send("DELETE", "/healthz", field+": "+endpoint))
				checkUnreached(t, g)
				checkAdmitted(t, send("DELETE", "/orders/1", field+": /orders/1", bearer))
				g.Upstream.TakeOne(t)
			})
		}
		own := g.Token(session("over " + string(protocol)))
		invalidated.check(t, send("DELETE", endpoint, "X-Rewrite-URL: /orders/1", "Authorization: Bearer "+own))
		badToken.check(t, get(t, g, own))
		checkUnreached(t, g)
	})
	checkAdmitted(t, get(t, g, token))
}
