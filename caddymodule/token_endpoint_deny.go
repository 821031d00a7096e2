package caddymodule

import (
	"net/http"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// What is answered at a token endpoint in the place of the upstream. As elsewhere
// the answer does not tell an expired token from a revoked one.
var (
	denyGrant = reply.OAuth(http.StatusBadRequest, "invalid_grant",
		"The token is invalid, expired or revoked.").Because("revoked")
	denyGrantExpired = denyGrant.Because("expired")
	denyGrantInvalid = denyGrant.Because("invalid")
	denyGrantRequest = reply.OAuth(http.StatusBadRequest, "invalid_request",
		"A parameter is missing, malformed, or there more than once.").Because("malformed")
	denyGrantQuery = reply.OAuth(http.StatusBadRequest, "invalid_request",
		"The query is larger than 64 KiB.").Because("malformed")
	denyGrantAddress = reply.OAuth(http.StatusBadRequest, "invalid_request",
		"The request names another address in a header field.")
	denyGrantTooLarge = reply.OAuth(http.StatusRequestEntityTooLarge, "invalid_request",
		"The body is larger than 64 KiB.")
	denyGrantMediaType = reply.OAuth(http.StatusUnsupportedMediaType, "invalid_request",
		"The body must be application/x-www-form-urlencoded or application/json in UTF-8, without a Content-Encoding.")
	denyGrantUnavailable = reply.OAuth(http.StatusServiceUnavailable, "temporarily_unavailable",
		"The token cannot be checked at the moment. Try again.").Because("unavailable")
	denyGrantAnswer = reply.OAuth(http.StatusBadGateway, "server_error",
		"The answer of the token endpoint cannot be checked.").Because("unavailable")
)

// denyGrantRule says which rule a request breaks.
func denyGrantRule(err error) *reply.Denial {
	rule := oauth.Rule(err)
	if rule == "" {
		return denyGrantRequest
	}
	return reply.OAuth(http.StatusBadRequest, "invalid_request", "The request is refused: "+rule+".").Because("malformed")
}

// writeGrant writes a denial of a token endpoint: for pages of the origins that may
// call this gate, too, and never to be kept (RFC 6749 §5.1).
func (g *Gate) writeGrant(w http.ResponseWriter, r *http.Request, deny *reply.Denial) error {
	g.origins.Allow(w, r)
	w.Header().Set("Pragma", "no-cache")
	return refuse(w, r, deny)
}
