package hostile

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: the same CONNECT through Caddy without the gate. SECURITY.md tells operators how
// to refuse it. With these lines nothing reaches the upstream, and without them the hidden
// request does.
func TestAdviceForPlainCaddyStopsCONNECT(t *testing.T) {
	t.Parallel()
	blocks := harness.Blocks(t, "SECURITY.md")
	if len(blocks) != 1 || blocks[0].Language != "caddyfile" {
		t.Fatalf("SECURITY.md has the blocks %v, want one Caddyfile", blocks)
	}
	var advice string
	for line := range strings.Lines(blocks[0].Text) {
		if strings.Contains(line, "@connect") {
			advice += line
		}
	}
	for name, lines := range map[string]string{"with the advice": advice, "without it": ""} {
		t.Run(name, func(t *testing.T) {
			upstream := newPooled(t)
			g := harness.Start(t, harness.Config{
				TLS: true, Global: harness.EveryProtocol, Routes: lines + "reverse_proxy " + upstream.listener.Addr().String(),
			})
			eachBinary(t, func(t *testing.T, protocol harness.Protocol) {
				message, _ := framed(protocol, http.MethodConnect, "/", "unstated", "X-Case: CONNECT")
				message.Fields = append([]harness.Field{
					{Name: ":method", Value: "CONNECT"}, {Name: ":authority", Value: "gate.test:443"},
				}, message.Fields[4:]...)
				if got, err := g.Exchange(t, protocol, message); lines != "" && (err != nil || got.Status != http.StatusMethodNotAllowed) {
					t.Errorf("answered %d %s, error %v", got.Status, got.Body, err)
				}
				// An ordinary request on the pooled connection.
				g.Over(t, protocol, harness.Request{Method: "GET", Target: "/public", Fields: []string{"X-Case: GET next"}})
			})
			hidden := false
			for _, r := range upstream.take(t) {
				hidden = hidden || r.Header.Get("X-Case") == "hidden"
			}
			if hidden != (lines == "") {
				t.Errorf("the hidden request reached the upstream: %t", hidden)
			}
		})
	}
}
