package caddymodule

import (
	"net/http"
	"strings"
)

// choosing chooses a subprotocol for the client in the answer to a WebSocket's handshake, if
// the upstream has chosen none.
type choosing struct {
	http.ResponseWriter
	protocol string
	connect  bool // the WebSocket began with CONNECT, where the answer is 200
}

// Unwrap gives http.ResponseController access to the other methods of the writer.
func (c *choosing) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// protocolField is the name as RFC 6455 writes it, and as reverse_proxy writes it to clients
// that mind letter case. Go's canonical form is another one.
var protocolField = "Sec-WebSocket-Protocol"

// WriteHeader chooses the subprotocol.
func (c *choosing) WriteHeader(status int) {
	if opened := status == http.StatusSwitchingProtocols || c.connect && status/100 == 2; opened && !c.isChosen() {
		c.Header()[protocolField] = []string{c.protocol}
	}
	c.ResponseWriter.WriteHeader(status)
}

// isChosen reports whether the upstream has chosen a subprotocol.
func (c *choosing) isChosen() bool {
	for name, values := range c.Header() {
		if len(values) > 0 && strings.EqualFold(name, protocolField) {
			return true
		}
	}
	return false
}

// takeOffered removes a token from the subprotocols of an admitted request, and returns the
// writer for its answer.
func (g *Gate) takeOffered(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	if chosen := g.extractor.TakeOffered(r.Header); chosen != "" {
		return &choosing{w, chosen, r.Method == http.MethodConnect}
	}
	return w
}
