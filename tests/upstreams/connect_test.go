package upstreams

import (
	"io"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// hidden is a request that a client sends as the content of another one. It
// claims an identity, which only the gate may give.
const hidden = "GET /admin HTTP/1.1\r\nHost: gate.test\r\nRemote-User: ADMIN\r\n\r\n"

// isHidden reports whether a server has read the content as a request, or has got a CONNECT
// at all.
func isHidden(one seen) bool {
	return one.Method == "CONNECT" || strings.Contains(one.User, "ADMIN") || strings.HasPrefix(one.Path, "/admin")
}

// tunnels are the ways to ask for a tunnel with CONNECT: the pseudo-header fields
// without the method and the authority.
var tunnels = map[string][]harness.Field{
	"CONNECT":                             nil,
	"CONNECT with a path":                 {{Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/assets/app.js"}},
	"extended CONNECT, public":            {{Name: ":protocol", Value: "foo"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/assets/app.js"}},
	"extended CONNECT":                    {{Name: ":protocol", Value: "foo"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/orders"}},
	"extended CONNECT for HTTP/1.1":       {{Name: ":protocol", Value: "HTTP/1.1"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/assets/app.js"}},
	"extended CONNECT for WebSocket":      {{Name: ":protocol", Value: "WebSocket"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/assets/app.js"}},
	"extended CONNECT for websocket":      {{Name: ":protocol", Value: "websocket"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/assets/app.js"}},
	"extended CONNECT for connect-udp":    {{Name: ":protocol", Value: "connect-udp"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/assets/app.js"}},
	"extended CONNECT, no name at all":    {{Name: ":protocol", Value: ""}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: "/assets/app.js"}},
	"extended CONNECT to the gate itself": {{Name: ":protocol", Value: "foo"}, {Name: ":scheme", Value: "https"}, {Name: ":path", Value: endpoint}},
}

// Attack: CONNECT over HTTP/2 or HTTP/3, with a whole request as its content. A client of
// HTTP/1.1 sends the content of a CONNECT without framing. So the server behind the gate
// reads it as the next request of the connection. That request has any path and any
// identity, and its answer goes to the next client.
func TestContentOfCONNECTIsNeverARequest(t *testing.T) {
	g := startGate(t)
	forEach(t, func(t *testing.T, s *server, protocol harness.Protocol) {
		if protocol == harness.HTTP1 {
			for _, fields := range [][]string{nil, {bearer(t, g)}, {"Transfer-Encoding: chunked", bearer(t, g)}} {
				for _, target := range []string{"gate.test:443", "/assets/app.js", "/orders"} {
					// An answer is not needed: the gate may close the connection.
					_, _ = g.TryRaw(harness.Lines("CONNECT "+target+" HTTP/1.1", fieldsFor(s, fields...)...) + hidden)
					checkNothing(t, s, "CONNECT "+target, isHidden)
				}
			}
			checkServed(t, g, s)
			return
		}
		for name, pseudo := range tunnels {
			for _, credential := range [][]harness.Field{nil, {{Name: "authorization", Value: strings.TrimPrefix(bearer(t, g), "Authorization: ")}}} {
				message := harness.Message{
					Fields: append([]harness.Field{{Name: ":method", Value: "CONNECT"}, {Name: ":authority", Value: "gate.test"}}, pseudo...),
					Body:   hidden,
				}
				message.Fields = append(message.Fields, harness.Field{Name: "x-server", Value: s.name})
				message.Fields = append(message.Fields, credential...)
				// An answer is not needed: the gate may reset the stream.
				_, _ = g.Exchange(t, protocol, message)
				checkNothing(t, s, name, isHidden)
			}
		}
		checkServed(t, g, s)
		checkNothing(t, s, "a request after CONNECT", isHidden)
	})
	checkWorks(t, "CONNECT", func(s *server) error {
		connection, err := dial(s.addr)
		if err != nil {
			return err
		}
		t.Cleanup(func() { _ = connection.Close() })
		_, err = io.WriteString(connection, harness.Lines("CONNECT /assets/app.js HTTP/1.1")+hidden)
		return err
	}, func(one seen) bool { return one.Path == "/admin" && one.User == "ADMIN" }, "go", "waitress", "jetty")
}
