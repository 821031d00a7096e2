package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// reasonKey is the placeholder that tells logs and metrics why the gate refused a request.
// The response body does not contain the reason.
const reasonKey = "http.session_gate.reason"

// These denials answer requests with a wrong target or method, before the gate looks for a
// credential.
var (
	denyTarget = reply.New(http.StatusBadRequest, "invalid_request",
		"The request target has no path.", "").Because("path")
	denyAmbiguous = reply.New(http.StatusBadRequest, "invalid_request",
		"The path is another spelling of one that the gate serves.", "").Because("path")
	denyMethodCase = reply.New(http.StatusBadRequest, "invalid_request",
		"Methods are case-sensitive: write the method in capital letters.", "").Because("method")
	denyConnect = reply.New(http.StatusMethodNotAllowed, "method_not_allowed",
		"CONNECT is not allowed, except to open a WebSocket.", "").Because("method").
		Allowing("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
)

// refuse writes a denial as the response, and sets the placeholder to its reason.
func refuse(w http.ResponseWriter, r *http.Request, deny *reply.Denial) error {
	note(r, deny)
	return deny.Write(w, r)
}

// note sets the placeholder to the reason of a denial.
func note(r *http.Request, deny *reply.Denial) {
	if replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok && deny.Reason != "" {
		replacer.Set(reasonKey, deny.Reason)
	}
}
