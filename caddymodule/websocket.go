package caddymodule

import "net/http"

// choosing chooses a subprotocol for the client in the answer to a WebSocket's handshake, if
// the upstream has chosen none.
type choosing struct {
	http.ResponseWriter
	protocol string
	connect  bool // the WebSocket began with CONNECT, where the answer is 200
}

// Unwrap gives http.ResponseController access to the other methods of the writer.
func (c *choosing) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// WriteHeader chooses the subprotocol.
func (c *choosing) WriteHeader(status int) {
	if status == http.StatusSwitchingProtocols || c.connect && status/100 == 2 {
		// reverse_proxy writes the name as RFC 6455 does, which is not canonical in Go.
		const name, canonical = "Sec-WebSocket-Protocol", "Sec-Websocket-Protocol"
		if header := c.Header(); len(header[name]) == 0 && len(header[canonical]) == 0 {
			header[name] = []string{c.protocol}
		}
	}
	c.ResponseWriter.WriteHeader(status)
}

// takeOffered removes a token from the subprotocols of an admitted request, and returns the
// writer for its answer.
func (g *Gate) takeOffered(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	if chosen := g.extractor.TakeOffered(r.Header); chosen != "" {
		return &choosing{w, chosen, r.Method == http.MethodConnect}
	}
	return w
}
