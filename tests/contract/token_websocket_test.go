package contract

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// A token among the subprotocols of a WebSocket is checked like any other. Neither the
// upstream nor the log sees it, and the client gets a subprotocol that it offered.
//
// Attack: open a WebSocket with a revoked token, or read a token in the access log.
func TestTokenAmongTheSubprotocolsIsTakenOut(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{
		TLS: true, Env: []string{"GODEBUG=http2xconnect=1"},
		Gate: "token header Authorization\ntoken websocket_protocol bearer",
		Site: "log {\nformat filter {\nrequest>headers>Sec-Websocket-Protocol delete\n}\n}",
	})
	seen := make(chan string, 1)
	accept := func(choice string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			seen <- strings.Join(r.Header["Sec-Websocket-Protocol"], "|")
			connection, buffered, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Errorf("hijacking: %v", err)
				return
			}
			defer connection.Close()
			fmt.Fprintf(buffered, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n%s\r\n", choice)
			_ = buffered.Flush()
		}
	}
	g.Upstream.Handle("/none", accept(""))
	g.Upstream.Handle("/v2", accept("Sec-WebSocket-Protocol: v2\r\n"))
	good, revoked := g.Token(harness.Session("good")), g.Token(harness.Session("revoked"))
	answers.Invalidated.Check(t, harness.End(t, g, revoked))
	upgrade := func(path, offered string, fields ...string) harness.Answer {
		return g.Raw(t, harness.Lines("GET "+path+" HTTP/1.1", append(fields, "Connection: Upgrade", "Upgrade: websocket",
			"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: "+offered)...))
	}
	connect := func(protocol harness.Protocol) func(path, offered string, fields ...string) harness.Answer {
		return func(path, offered string, _ ...string) harness.Answer {
			answer, err := g.Exchange(t, protocol, harness.Message{Open: true, Fields: []harness.Field{
				{Name: ":method", Value: "CONNECT"},
				{Name: ":protocol", Value: "websocket"},
				{Name: ":scheme", Value: "https"},
				{Name: ":authority", Value: "gate.test"},
				{Name: ":path", Value: path},
				{Name: "sec-websocket-version", Value: "13"},
				{Name: "sec-websocket-protocol", Value: offered},
			}})
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			return answer
		}
	}
	for name, dial := range map[string]func(path, offered string, fields ...string) harness.Answer{
		"HTTP/1.1": upgrade, "HTTP/2": connect(harness.HTTP2), "HTTP/3": connect(harness.HTTP3),
	} {
		for _, c := range []struct{ path, offered, seen, chosen string }{
			{"/none", "bearer, " + good, "", "bearer"},
			{"/none", "v1, v2, bearer, " + good, "v1, v2", "v1"},
			{"/none", "bearer." + good + ", v1", "v1", "v1"},
			{"/v2", "v1, v2, bearer, " + good, "v1, v2", "v2"},
		} {
			got := dial(c.path, c.offered)
			if got.Status != 101 && got.Status != 200 {
				t.Errorf("%s: answered %d %s", name, got.Status, got.Body)
				continue
			}
			if chosen := strings.Join(got.Header.Values("Sec-WebSocket-Protocol"), "|"); chosen != c.chosen {
				t.Errorf("%s %s: chosen %q, want %q", name, c.path, chosen, c.chosen)
			}
			if upstream := <-seen; upstream != c.seen {
				t.Errorf("%s %s: the upstream saw %q, want %q", name, c.path, upstream, c.seen)
			}
		}
		answers.BadToken.Check(t, dial("/none", "bearer, "+revoked))
		answers.NoToken.Check(t, dial("/none", "v1, v2"))
		answers.Several.Check(t, dial("/none", "bearer, "+good+", "+good))
	}
	answers.Several.Check(t, upgrade("/none", "bearer, "+good, "Authorization: Bearer "+good))
	g.Stop()
	if strings.Contains(g.Logs(), good[strings.LastIndexByte(good, '.'):]) {
		t.Error("a token stands in the log")
	}
}
