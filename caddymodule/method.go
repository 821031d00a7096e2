package caddymodule

import (
	"net/http"
	"net/url"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// opensWebSocket reports whether a CONNECT opens a WebSocket and nothing else (RFC 8441 §4,
// RFC 9220 §3). Over HTTP/2 Go's server shows the protocol as a field, and accepts it only
// under GODEBUG=http2xconnect=1.
//
// Attack: CONNECT over HTTP/2 or HTTP/3, to a public path or with a valid token. Go's
// transport sends its body without framing to an HTTP/1.1 upstream. The upstream reads the
// body as the next request on that connection, with any path and any identity. The response
// goes to the request of another client. For a WebSocket, reverse_proxy sends a GET without
// a body instead. With a length it would announce a body that never comes.
//
// Attack: Connect /assets/a. Jetty reads the method as CONNECT, and serves the path /.
func opensWebSocket(r *http.Request) bool {
	const webSocket = "websocket"
	if r.ContentLength > 0 || r.Method != http.MethodConnect {
		return false
	}
	switch r.ProtoMajor {
	case 2:
		values := r.Header[":protocol"]
		return len(values) == 1 && values[0] == webSocket
	case 3:
		return r.Proto == webSocket
	}
	return false
}

func isDelete(method string, _ *url.URL, _ *http.Request) bool {
	return reply.IsMethod(method, http.MethodDelete)
}

func isPost(method string, _ *url.URL, _ *http.Request) bool {
	return reply.IsMethod(method, http.MethodPost)
}
