package hostile

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Rules that other tests check over HTTP/1.1 must also hold over HTTP/2 and HTTP/3, whose
// servers have their own parsers of targets and fields.
func TestRulesHoldOverEveryProtocol(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{TLS: true, Gate: publicGate + "\n" + harness.BothSources})
	one, other := g.Token(harness.Session("one")), g.Token(harness.Session("other"))
	harness.See(t, g, one, other)
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		send := func(method, target string, fields ...string) harness.Answer {
			t.Helper()
			return g.Over(t, protocol, harness.Request{Method: method, Target: target, Fields: fields})
		}
		t.Run("endpoint", func(t *testing.T) {
			for _, path := range spellings {
				if protocol != harness.HTTP1 && !strings.HasPrefix(path, "/") {
					continue // TestMalformedMessagesAreRefused has those
				}
				t.Run(path, func(t *testing.T) {
					answers.OtherSpelling.Check(t, send("DELETE", path, "Authorization: Bearer "+one))
					answers.OtherSpelling.Check(t, send("DELETE", path))
				})
			}
			token := g.Token(harness.Session("over " + string(protocol)))
			answers.NoToken.Check(t, send("DELETE", harness.Endpoint))
			answers.Invalidated.Check(t, send("DELETE", harness.Endpoint+"?x=y", "Authorization: Bearer "+token))
			answers.BadToken.Check(t, send("GET", "/", "Authorization: Bearer "+token))
			harness.CheckUnreached(t, g)
		})
		t.Run("public", func(t *testing.T) {
			for _, path := range traversals {
				t.Run(path, func(t *testing.T) { answers.NoToken.Check(t, send("GET", path)) })
			}
			harness.CheckUnreached(t, g)
			harness.CheckAdmitted(t, send("GET", "/assets/app.js", "Authorization: Bearer x"))
			g.Upstream.TakeOne(t)
		})
		t.Run("credentials", func(t *testing.T) {
			for name, fields := range harness.ManyCredentials(one, other) {
				t.Run(name, func(t *testing.T) {
					answers.Several.Check(t, send("GET", "/", fields...))
					answers.Several.Check(t, send("DELETE", harness.Endpoint, fields...))
				})
			}
			harness.CheckUnreached(t, g)
			harness.CheckAdmitted(t, send("GET", "/", "Authorization: Bearer "+one))
			g.Upstream.TakeOne(t)
		})
	})
}

func TestIdentityIsTheGatesAloneOverEveryProtocol(t *testing.T) {
	t.Parallel()
	const preset = "identity authelia"
	g := harness.Start(t, harness.Config{TLS: true, Gate: preset + "\npublic /public"})
	bearer := "Authorization: Bearer " + g.Token(harness.Identified())
	fields := presets[preset]
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		for name := range fields {
			for how, lines := range spoofs(name) {
				t.Run(name+" "+how, func(t *testing.T) {
					admitted, err := g.TryOver(t, protocol, harness.Request{Method: "GET", Target: "/", Fields: append([]string{bearer}, lines...)})
					if protocol != harness.HTTP1 && strings.HasPrefix(how, "through Connection") {
						// A field of one connection makes the message malformed (RFC 9113 §8.2.2).
						checkUnserved(t, g, admitted, err)
						return
					}
					harness.CheckAdmitted(t, admitted)
					checkIdentity(t, g.Upstream.TakeOne(t), fields)
					harness.CheckAdmitted(t, g.Over(t, protocol, harness.Request{Method: "GET", Target: "/public", Fields: lines}))
					checkNoIdentity(t, g.Upstream.TakeOne(t), name)
				})
			}
			for how, lines := range map[string][]string{"announced": {"Trailer: " + name, bearer}, "unannounced": {bearer}} {
				t.Run(name+" in a trailer, "+how, func(t *testing.T) {
					for _, spelling := range []string{name, strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", ".")} {
						harness.CheckAdmitted(t, g.Over(t, protocol, harness.Request{
							Method: "POST", Target: "/", Fields: lines, Body: "hello", Trailer: []string{spelling + ": root"},
						}))
						reached := g.Upstream.TakeOne(t)
						checkIdentity(t, reached, fields)
						if reached.Body != "hello" {
							t.Errorf("body is %q", reached.Body)
						}
					}
				})
			}
		}
	})
}

// checkUnserved fails the test unless the server, the gate or the proxy refused a message,
// and nothing of it reached the upstream.
func checkUnserved(t *testing.T, g *harness.Gate, got harness.Answer, err error) {
	t.Helper()
	if err == nil && got.Status < 400 {
		t.Errorf("answer is %d %s, want a refusal", got.Status, got.Body)
	}
	harness.CheckUnreached(t, g)
}
