package upstreams

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// everyProtocol are all versions of HTTP that the gate speaks.
var everyProtocol = []harness.Protocol{harness.HTTP1, harness.HTTP2, harness.HTTP2Clear, harness.HTTP3}

// startGate starts a gate in front of all servers. The field X-Server of a request names
// its server. The options are for the block servers of the Caddyfile.
func startGate(t *testing.T, options ...string) *harness.Gate {
	t.Helper()
	routes := "session_gate {\ntoken header Authorization\ntoken cookie session\nidentity authelia\npublic /assets /assets/*\n}\n"
	for _, s := range servers {
		routes += fmt.Sprintf("@%s header X-Server %s\nreverse_proxy @%s %s\n", s.name, s.name, s.name, s.addr)
	}
	g := harness.Start(t, harness.Config{
		TLS:    true,
		Global: "servers {\nprotocols h1 h2 h2c h3\n" + strings.Join(options, "\n") + "\n}",
		Routes: routes,
		// Without it, net/http refuses the pseudo-header :protocol of HTTP/2.
		Env: []string{"GODEBUG=http2xconnect=1"},
	})
	for _, s := range servers {
		s.takeAll(t)
	}
	return g
}

// bearer returns the field with a new token that the gate accepts.
func bearer(t *testing.T, g *harness.Gate) string {
	t.Helper()
	return "Authorization: Bearer " + g.Token(map[string]any{"sid": "laptop"})
}

// checkAmbiguous fails the test unless the answer is the gate's own to a DELETE that some
// reader could read as one of the endpoint.
func checkAmbiguous(t *testing.T, what string, answer harness.Answer) {
	t.Helper()
	if answer.Status != 400 || !strings.Contains(answer.Body, `"invalid_request"`) {
		t.Errorf("answer to %s is %d %q, want 400 invalid_request", what, answer.Status, answer.Body)
	}
}

// forEach runs a test as a subtest for each server and protocol.
func forEach(t *testing.T, test func(t *testing.T, s *server, protocol harness.Protocol)) {
	t.Helper()
	for _, s := range servers {
		t.Run(s.name, func(t *testing.T) {
			for _, protocol := range everyProtocol {
				t.Run(string(protocol), func(t *testing.T) { test(t, s, protocol) })
			}
		})
	}
}

// checkNothing fails the test if the application has run a request for which bad
// reports true.
func checkNothing(t *testing.T, s *server, attack string, bad func(seen) bool) {
	t.Helper()
	for _, one := range s.takeAll(t) {
		if bad(one) {
			t.Errorf("%s: %s ran %s %q for the user %q", attack, s.name, one.Method, one.Path, one.User)
		}
	}
}

// checkServed fails the test if the gate does not pass an ordinary request to the
// server, or if the answer is that of another request.
func checkServed(t *testing.T, g *harness.Gate, s *server) {
	t.Helper()
	for _, path := range []string{"/orders/1", "/orders/2", "/orders/3"} {
		answer := g.Send(t, "GET", path, harness.Header("X-Server", s.name),
			harness.Bearer(g.Token(map[string]any{"sid": "laptop", "sub": "alice"})))
		var one seen
		if err := json.Unmarshal([]byte(answer.Body), &one); err != nil || one.Path != path || one.User != "alice" {
			t.Errorf("the answer of %s to GET %s is %d %q", s.name, path, answer.Status, answer.Body)
		}
	}
}

// checkWorks is the control of an attack. It sends the same requests to the servers
// directly, and fails the test if the attack does not work at every one of the named
// servers. Without it, a test could pass because the attack no longer works anywhere.
func checkWorks(t *testing.T, what string, attack func(s *server) error, works func(seen) bool, names ...string) {
	t.Helper()
	t.Run("without the gate, "+what, func(t *testing.T) {
		for _, s := range byName(t, names...) {
			s.takeAll(t)
			if err := attack(s); err != nil {
				t.Errorf("attacking %s: %v", s.name, err)
			}
			harness.Eventually(t, answerLimit, "the attack works at "+s.name, func() bool {
				return slices.ContainsFunc(s.takeAll(t), works)
			})
		}
	})
}

// isEndpoint reports whether a request deletes the session at the server. Only the gate may
// answer that, so no server may see it.
func isEndpoint(one seen) bool {
	return strings.EqualFold(one.Method, "DELETE") && strings.EqualFold(one.Path, endpoint)
}

// fieldsFor returns the fields of a request for one server.
func fieldsFor(s *server, fields ...string) []string {
	return append([]string{"X-Server: " + s.name}, fields...)
}
