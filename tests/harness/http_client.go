package harness

import (
	"net"
	"net/http"
	"testing"

	"github.com/quic-go/quic-go/http3"
)

// Client returns a client that speaks one protocol to the port with TLS, as programs do. It
// keeps its connections until the end of the test, and has no time limit.
func (g *Gate) Client(tb testing.TB, protocol Protocol) *http.Client {
	tb.Helper()
	config := g.TLSConfig(tb, string(protocol))
	if protocol == HTTP3 {
		transport := &http3.Transport{TLSClientConfig: config, DisableCompression: true}
		tb.Cleanup(func() { _ = transport.Close() })
		return &http.Client{Transport: transport}
	}
	transport := &http.Transport{
		TLSClientConfig: config, DisableCompression: true,
		MaxIdleConnsPerHost: 1 << 10, Protocols: new(http.Protocols),
		DialContext: new(net.Dialer).DialContext,
	}
	transport.Protocols.SetHTTP1(protocol == HTTP1)
	transport.Protocols.SetHTTP2(protocol == HTTP2)
	tb.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
