package caddymodule

import (
	"net/http"
	"slices"
	"testing"
)

// Attack: an upgrade to HTTP opens a tunnel to the upstream that bypasses the gate.
func TestUpgradeToHTTPIsIgnored(t *testing.T) {
	for _, test := range []struct{ sent, want []string }{
		{[]string{"h2c"}, nil},
		{[]string{"H2C"}, nil},
		{[]string{"h2c/2"}, nil},
		{[]string{"h2"}, nil},
		{[]string{"HTTP/2.0"}, nil},
		{[]string{"http / 1.1"}, nil},
		{[]string{"TLS/1.0, HTTP/1.1"}, nil},
		{[]string{" ,, \th2c\t ,, "}, nil},
		{[]string{"", "h2c"}, nil},
		{[]string{"websocket, h2c"}, []string{"websocket"}},
		{[]string{"h2c", "websocket", "SPDY/3.1"}, []string{"websocket, SPDY/3.1"}},
		// Not HTTP: unchanged.
		{[]string{"websocket"}, []string{"websocket"}},
		{[]string{"WebSocket ,,", "x"}, []string{"WebSocket ,,", "x"}},
		{[]string{"h2cx"}, []string{"h2cx"}},
		{nil, nil},
	} {
		header := http.Header{"Http2-Settings": {"AAMAAABkAAQAAP__"}, "Connection": {"Upgrade"}}
		if test.sent != nil {
			header["Upgrade"] = slices.Clone(test.sent)
		}
		stripUpgrade(header)
		if got := header["Upgrade"]; !slices.Equal(got, test.want) {
			t.Errorf("Upgrade: %q became %q, want %q", test.sent, got, test.want)
		}
		ignored := !slices.Equal(test.sent, test.want)
		if _, left := header["Http2-Settings"]; left == ignored {
			t.Errorf("Upgrade: %q leaves HTTP2-Settings: %t", test.sent, left)
		}
	}
}
