package hostile

import (
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const (
	// aliases makes Caddy pass spellings of some fields that it drops by default. It drops
	// those with hyphens instead.
	aliases = "expected_underscore_headers X_Original_Url SCRIPT_NAME\nexpected_dot_headers X.Forwarded.Uri"
	// trusting makes Caddy trust the proxy in front of it.
	trusting = "trusted_proxies static 127.0.0.1/32"
)

// addressFields name another path, and prefixFields shorten the path.
var (
	addressFields = []string{"X-Rewrite-URL", "x-original-uri", "X_Original_Url", "X.Forwarded.Uri"}
	prefixFields  = []string{"X-Script-Name", "SCRIPT_NAME", "X-Forwarded-Script-Name", "X-Forwarded-Prefix", "X-Traversal-Path"}
)

// Attack: upstreams that were written to run behind a URL rewriter serve the path in a
// header, whatever the request line says (CVE-2018-14773). Some strip a prefix from the
// path. A public path would open all others, and a logout at the upstream would end a
// session that continues at the gates. Clients do not send such fields, so the gate deletes
// them.
func TestFieldsThatNameAnotherPathGoNoFurther(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Gate: publicGate, Global: "servers {\n" + aliases + "\n}"})
	token := g.Token(harness.Session("laptop"))
	harness.See(t, g, token)
	bearer := "Authorization: Bearer " + token
	values := append([]string{"/orders", "/assets", "", harness.Endpoint, "https://gate.test" + harness.Endpoint, "/x, " + harness.Endpoint}, spellings...)
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		for _, field := range slices.Concat(addressFields, prefixFields, []string{"X-Vhm-Root"}) {
			t.Run(field, func(t *testing.T) {
				for i, value := range values {
					line := field + ": " + value
					requests := []harness.Request{
						{Method: "GET", Target: "/assets/orders", Fields: []string{line}},
						{Method: "DELETE", Target: "/orders/1", Fields: []string{line, bearer}},
						{Method: "GET", Target: "/orders", Fields: []string{line, bearer}},
					}
					harness.CheckAdmitted(t, g.Over(t, protocol, requests[i%len(requests)]))
					reached := g.Upstream.TakeOne(t)
					for name := range reached.Header {
						if strings.EqualFold(name, field) {
							t.Errorf("%s %s reached the upstream with %s: %s", reached.Method, reached.URI, name, value)
						}
					}
				}
			})
		}
	})
	harness.CheckAdmitted(t, harness.Get(t, g, token))
	if log := g.Logs(); strings.Count(log, "names another path") < 1 || !strings.Contains(log, "trusted_proxies") {
		t.Error("the log does not say that such fields are deleted, and what to do about it")
	}
}

// Attack: a trusted proxy that does not know the field passes on a client's value. public
// and the gate's own paths then apply to both paths.
func TestURLInAHeaderOpensNothing(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Gate: publicGate, Global: "servers {\n" + aliases + "\n" + trusting + "\n}"})
	token := g.Token(harness.Session("laptop"))
	harness.See(t, g, token)
	bearer := "Authorization: Bearer " + token
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		send := func(method, target string, fields ...string) harness.Answer {
			t.Helper()
			return g.Over(t, protocol, harness.Request{Method: method, Target: target, Fields: fields})
		}
		for _, field := range addressFields {
			t.Run(field, func(t *testing.T) {
				for _, path := range []string{"/healthz", "/assets/app.js"} {
					for _, elsewhere := range []string{"/orders", "/assets/../orders", "https://gate.test/orders", "/healthz, /orders", "/", "", "orders", "//x/orders"} {
						answers.NoToken.Check(t, send("GET", path, field+": "+elsewhere))
						// Caddy drops aliases that occur twice.
						if strings.Contains(field, "-") {
							answers.NoToken.Check(t, send("GET", path, field+": /healthz", field+": "+elsewhere))
						}
					}
					harness.CheckUnreached(t, g)
					// A front proxy with the true path, and a user with a token.
					harness.CheckAdmitted(t, send("GET", path, field+": "+path+"?x=/orders"))
					harness.CheckAdmitted(t, send("GET", path, field+": https://gate.test"+path))
					harness.CheckAdmitted(t, send("GET", path, field+": /orders", bearer))
					harness.CheckAdmitted(t, send("GET", "/orders", field+": /healthz", bearer))
					if reached := g.Upstream.Take(); len(reached) != 4 {
						t.Errorf("%d requests reached the upstream, want 4", len(reached))
					}
				}
				answers.NoToken.Check(t, send("GET", "/orders", field+": /healthz"))
				for _, path := range append(spellings, harness.Endpoint, harness.Endpoint+"?x", "https://gate.test"+harness.Endpoint, "/x, "+harness.Endpoint) {
					answers.OtherSpelling.Check(t, send("DELETE", "/orders/1", field+": "+path, bearer))
				}
				answers.OtherSpelling.Check(t, send("DELETE", "/healthz", field+": "+harness.Endpoint))
				harness.CheckUnreached(t, g)
				harness.CheckAdmitted(t, send("DELETE", "/orders/1", field+": /orders/1", bearer))
				g.Upstream.TakeOne(t)
			})
		}
		for _, field := range prefixFields {
			t.Run(field, func(t *testing.T) {
				answers.NoToken.Check(t, send("GET", "/assets/orders", field+": /assets"))
				answers.OtherSpelling.Check(t, send("DELETE", "/x"+harness.Endpoint, field+": /x", bearer))
				harness.CheckUnreached(t, g)
				harness.CheckAdmitted(t, send("GET", "/assets/orders", field+": /app"))
				harness.CheckAdmitted(t, send("GET", "/app/orders", field+": /app", bearer))
				if reached := g.Upstream.Take(); len(reached) != 2 {
					t.Errorf("%d requests reached the upstream, want 2", len(reached))
				}
			})
		}
		own := g.Token(harness.Session("over " + string(protocol)))
		answers.Invalidated.Check(t, send("DELETE", harness.Endpoint, "X-Rewrite-URL: /orders/1", "Authorization: Bearer "+own))
		answers.BadToken.Check(t, harness.Get(t, g, own))
		harness.CheckUnreached(t, g)
	})
	harness.CheckAdmitted(t, harness.Get(t, g, token))
}

// Attack: COPY or MOVE of a public path, with a Destination that needs a token (RFC 4918
// §10.3), which an upstream with WebDAV overwrites. Or a public path whose query is the
// path for the application.
func TestPublicRequestsReachNoOtherPath(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Gate: "public / /assets/*"})
	bearer := "Authorization: Bearer " + g.Token(harness.Session("laptop"))
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		for _, method := range []string{"COPY", "MOVE"} {
			for _, destination := range []string{"/assets/b", "https://gate.test/assets/b", "https://gate.test/orders", "//orders/assets/b"} {
				request := harness.Request{Method: method, Target: "/assets/a", Fields: []string{"Destination: " + destination}}
				answers.NoToken.Check(t, g.Over(t, protocol, request))
				request.Fields = append(request.Fields, bearer)
				harness.CheckAdmitted(t, g.Over(t, protocol, request))
				for _, reached := range g.Upstream.Take() {
					if reached.Header.Get("Destination") != destination {
						t.Errorf("the destination %q reached the upstream as %q", destination, reached.Header.Get("Destination"))
					}
				}
			}
		}
		answers.NoToken.Check(t, g.Over(t, protocol, harness.Request{Method: "GET", Target: "/?/admin/users"}))
		harness.CheckUnreached(t, g)
		harness.CheckAdmitted(t, g.Over(t, protocol, harness.Request{Method: "GET", Target: "/?x=/admin/users"}))
		g.Upstream.TakeOne(t)
	})
}
