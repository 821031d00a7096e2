package caddymodule

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

// Attack: CONNECT over HTTP/2 or HTTP/3, to a public path or with a valid token. Go's
// transport sends its body without framing to an HTTP/1.1 upstream, which reads the next
// request in it.
func TestConnectIsRefusedBeforeAllElse(t *testing.T) {
	g := newGate(t, "HS256", Gate{
		Public: []string{"/*"}, TokenEndpoint: tokenEndpoints(tokenPath), SessionsEndpoint: sessionsPath, BackchannelLogout: "/logout",
	})
	token := g.mint(t, nil)
	for _, c := range []struct {
		name     string
		major    int
		proto    string
		protocol []string
	}{
		{"HTTP/2 with a length", 2, "HTTP/2.0", []string{"websocket"}},
		{"HTTP/3 with a length", 3, "websocket", nil},
		{"HTTP/1.1", 1, "HTTP/1.1", nil},
		{"HTTP/1.1 with a field", 1, "HTTP/1.1", []string{"websocket"}},
		{"HTTP/2", 2, "HTTP/2.0", nil},
		{"HTTP/2 to another protocol", 2, "HTTP/2.0", []string{"connect-udp"}},
		{"HTTP/2 in another letter case", 2, "HTTP/2.0", []string{"WebSocket"}},
		{"HTTP/2 with a blank", 2, "HTTP/2.0", []string{"websocket "}},
		{"HTTP/2 twice", 2, "HTTP/2.0", []string{"websocket", "websocket"}},
		{"HTTP/3", 3, "HTTP/3.0", nil},
		{"HTTP/3 with a field", 3, "HTTP/3.0", []string{"websocket"}},
		{"HTTP/3 to another protocol", 3, "foo", nil},
		{"HTTP/3 in another letter case", 3, "WEBSOCKET", nil},
	} {
		for _, path := range []string{"/", "/healthz", defaultEndpoint, sessionsPath, tokenPath, "/logout", ""} {
			for _, token := range []string{"", token} {
				r := (&http.Request{
					Method: http.MethodConnect, URL: target(t, "/"), Host: "gate.test", Header: http.Header{},
					ProtoMajor: c.major, Proto: c.proto, ContentLength: -1, Body: http.NoBody,
				}).WithContext(context.Background())
				if strings.HasSuffix(c.name, "with a length") {
					r.ContentLength = 77
				}
				if r.URL.Path = path; token != "" {
					r.Header.Set("Authorization", "Bearer "+token)
				}
				if c.protocol != nil {
					r.Header[":protocol"] = c.protocol
				}
				a := g.serve(t, r)
				a.want(t, http.StatusMethodNotAllowed, "method_not_allowed")
				a.wantReason(t, "method")
				if a.Header().Get("Allow") == "" {
					t.Errorf("%s: the answer does not say what is allowed", c.name)
				}
			}
		}
	}
}

// A WebSocket over HTTP/2 and HTTP/3 is guarded like every request.
func TestConnectForAWebSocketIsGuarded(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	for _, r := range []*http.Request{
		{ProtoMajor: 2, Proto: "HTTP/2.0", Header: http.Header{":protocol": {"websocket"}}},
		{ProtoMajor: 3, Proto: "websocket", Header: http.Header{}},
	} {
		r.Method, r.URL, r.Body, r.ContentLength = http.MethodConnect, target(t, "/chat"), http.NoBody, -1
		g.serve(t, r.WithContext(context.Background())).want(t, http.StatusUnauthorized, "unauthorized")
		r.Header.Set("Authorization", "Bearer "+g.mint(t, nil))
		g.serve(t, r.WithContext(context.Background())).want(t, http.StatusOK, "")
	}
}
