package hostile

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// switching is an upstream that agrees to every upgrade, sends a word and closes.
type switching struct {
	mu      sync.Mutex
	upgrade []string // the upgrades that it agreed to
	header  http.Header
}

func (s *switching) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	protocol := r.Header.Get("Upgrade")
	if protocol == "" {
		_, _ = io.WriteString(w, harness.UpstreamBody)
		return
	}
	s.mu.Lock()
	s.upgrade, s.header = append(s.upgrade, protocol), r.Header.Clone()
	s.mu.Unlock()
	connection, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer connection.Close()
	_, _ = io.WriteString(connection, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+protocol+"\r\n\r\n"+harness.Switched)
}

// take returns the protocols that were agreed to since its last call.
func (s *switching) take() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.upgrade = nil }()
	return strings.Join(s.upgrade, "; ")
}

// Attack: h2c smuggling. One public or admitted request asks for an upgrade to HTTP/2. From
// then on the proxy copies bytes, and nobody checks the requests in them.
func TestNoTunnelOfHTTPIsOpenedToTheUpstream(t *testing.T) {
	t.Parallel()
	upstream, agreeing := harness.NewUpstream(t), new(switching)
	upstream.Handle("/healthz", agreeing.ServeHTTP)
	upstream.Handle("/orders", agreeing.ServeHTTP)
	g := harness.Start(t, harness.Config{Upstream: upstream, Gate: "public /healthz"})
	bearer := "Authorization: Bearer " + g.Token(harness.Session("laptop"))
	for name, fields := range map[string][]string{
		"as RFC 7540 has it":     {"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"},
		"settings kept":          {"Connection: Upgrade", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"},
		"in capitals":            {"Connection: UPGRADE", "Upgrade: H2C"},
		"with a version":         {"Connection: upgrade", "Upgrade: HTTP/2.0"},
		"to TLS":                 {"Connection: upgrade", "Upgrade: TLS/1.2"},
		"in the second field":    {"Connection: close", "Connection: upgrade", "Upgrade: ", "Upgrade: h2c"},
		"beside another unknown": {"Connection: upgrade", "Upgrade: h2c, h2", "Upgrade: HTTP/1.1"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, path := range []string{"/healthz", "/orders"} {
				harness.CheckAdmitted(t, g.Raw(t, harness.Lines("GET "+path+" HTTP/1.1", append(fields, bearer)...)))
				if got := agreeing.take(); got != "" {
					t.Errorf("%s: the upstream was asked for %q", path, got)
				}
			}
		})
	}
	t.Run("and others pass with a token only", func(t *testing.T) {
		socket := []string{"Connection: Upgrade", "Upgrade: websocket, h2c", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}
		answers.NoToken.Check(t, g.Raw(t, harness.Lines("GET /orders HTTP/1.1", socket...)))
		connection := harness.Dial(t, g)
		if _, err := io.WriteString(connection, harness.Lines("GET /orders HTTP/1.1", append(socket, bearer)...)); err != nil {
			t.Fatal(err)
		}
		if said, err := io.ReadAll(connection); err != nil || !strings.HasSuffix(string(said), harness.Switched) {
			t.Errorf("the gate said %q, error %v", said, err)
		}
		if got := agreeing.take(); got != "websocket" {
			t.Errorf("the upstream was asked for %q, want websocket", got)
		}
	})
}

// Attack: over HTTP/2 and HTTP/3 a WebSocket is a CONNECT (RFC 8441, RFC 9220), which a
// gate might ignore if it knows only GET and POST. Every other CONNECT is 405.
func TestConnectIsGuarded(t *testing.T) {
	t.Parallel()
	upstream, agreeing := harness.NewUpstream(t), new(switching)
	upstream.Handle("/orders", agreeing.ServeHTTP)
	g := harness.Start(t, harness.Config{TLS: true, Global: harness.EveryProtocol, Upstream: upstream, Gate: "identity authelia\npublic /healthz"})
	good, revoked := g.Token(harness.Session("laptop")), g.Token(harness.Session("revoked"))
	answers.Invalidated.Check(t, harness.End(t, g, revoked))
	eachBinary(t, func(t *testing.T, protocol harness.Protocol) {
		socket := func(token string) harness.Message {
			m := harness.Request{Method: "CONNECT", Target: "/orders", Fields: []string{"Authorization: Bearer " + token, "Sec-WebSocket-Version: 13"}}.Message()
			m.Fields = append([]harness.Field{{Name: ":protocol", Value: "websocket"}}, m.Fields...)
			m.Open = true
			return m
		}
		for _, token := range []string{"", "x", revoked} {
			got, err := g.Exchange(t, protocol, socket(token))
			checkUnserved(t, g, got, err)
		}
		plain := harness.Message{Fields: []harness.Field{{Name: ":method", Value: "CONNECT"}, {Name: ":authority", Value: "gate.test"}}}
		got, err := g.Exchange(t, protocol, plain)
		checkUnserved(t, g, got, err)
		if got := agreeing.take(); got != "" {
			t.Errorf("the upstream agreed to %q without a token", got)
		}
		// HTTP/2 offers no WebSockets here, and HTTP/3 does.
		got, err = g.Exchange(t, protocol, socket(good))
		if protocol != harness.HTTP3 {
			checkUnserved(t, g, got, err)
			return
		}
		if err != nil || got.Status != 200 || got.Body != harness.Switched || agreeing.take() != "websocket" {
			t.Errorf("answer to a valid token is %d %q, error %v", got.Status, got.Body, err)
		}
		checkIdentity(t, harness.Reached{Header: agreeing.header}, map[string]string{"Remote-User": "alice"})
	})
	for _, line := range []string{"CONNECT gate.test:443 HTTP/1.1", "CONNECT /healthz HTTP/1.1", "CONNECT http://gate.test/healthz HTTP/1.1", "CONNECT * HTTP/1.1", "Connect /healthz HTTP/1.1"} {
		t.Run(line, func(t *testing.T) {
			got := g.Raw(t, harness.Lines(line))
			if got.Status != 405 || !strings.Contains(got.Body, `"error":"method_not_allowed"`) || got.Header.Get("Allow") == "" {
				t.Errorf("answer is %d %v %s, want 405", got.Status, got.Header, got.Body)
			}
			harness.CheckUnreached(t, g)
		})
	}
}
