package caddymodule

import (
	"net/http"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// reasonKey is the placeholder that tells logs and metrics why the gate refused a request.
// The body never tells.
const reasonKey = "http.session_gate.reason"

// realm is the gate's name in a challenge (RFC 9110 §11.5).
const realm = `Bearer realm="session_gate"`

// What the gate answers to a request on its way upstream, by what is wrong. Challenges
// follow RFC 6750 §3.1: no error attribute if the request has no credential, and no detail
// that would tell an expired, a forged and a revoked token apart.
var (
	denyMissing = reply.New(http.StatusUnauthorized, "unauthorized",
		"Missing or invalid access token.", realm).Because("missing")
	denyInvalid = reply.New(http.StatusUnauthorized, "unauthorized",
		"Missing or invalid access token.", realm+`, error="invalid_token"`).Because("invalid")
	denyExpired   = denyInvalid.Because("expired")
	denyRevoked   = denyInvalid.Because("revoked").As(reply.Revoked)
	denyMalformed = reply.New(http.StatusBadRequest, "invalid_request",
		"The credential is malformed.", realm+`, error="invalid_request"`).Because("malformed").As(reply.Malformed)
	denySeveral = reply.New(http.StatusBadRequest, "invalid_request",
		"More than one credential in the request.", realm+`, error="invalid_request"`).Because("several")
	denyUnavailable = reply.New(http.StatusServiceUnavailable, "temporarily_unavailable",
		"The session cannot be checked at the moment. Try again.", "").Because("unavailable")
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

// refuse answers a request by a denial, and puts its reason into the placeholder.
func refuse(w http.ResponseWriter, r *http.Request, deny *reply.Denial) error {
	if replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok && deny.Reason != "" {
		replacer.Set(reasonKey, deny.Reason)
	}
	return deny.Write(w, r)
}
