package caddymodule

import (
	"net/http"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
)

// What is answered at a token endpoint in the place of the upstream. As elsewhere
// the answer does not tell an expired token from a revoked one.
var (
	denyGrant = newOAuthDenial(http.StatusBadRequest, "invalid_grant",
		"The token is invalid, expired or revoked.", "revoked")
	denyGrantExpired = denyGrant.because("expired")
	denyGrantInvalid = denyGrant.because("invalid")
	denyGrantRequest = newOAuthDenial(http.StatusBadRequest, "invalid_request",
		"A parameter is missing, malformed, or there more than once.", "malformed")
	denyGrantQuery = newOAuthDenial(http.StatusBadRequest, "invalid_request",
		"The query is larger than 64 KiB.", "malformed")
	denyGrantAddress = newOAuthDenial(http.StatusBadRequest, "invalid_request",
		"The request names another address in a header field.", "")
	denyGrantTooLarge = newOAuthDenial(http.StatusRequestEntityTooLarge, "invalid_request",
		"The body is larger than 64 KiB.", "")
	denyGrantMediaType = newOAuthDenial(http.StatusUnsupportedMediaType, "invalid_request",
		"The body must be application/x-www-form-urlencoded or application/json in UTF-8, without a Content-Encoding.", "")
	denyGrantUnavailable = newOAuthDenial(http.StatusServiceUnavailable, "temporarily_unavailable",
		"The token cannot be checked at the moment. Try again.", "unavailable")
	denyGrantAnswer = newOAuthDenial(http.StatusBadGateway, "server_error",
		"The answer of the token endpoint cannot be checked.", "unavailable")
)

// denyGrantRule says which rule a request breaks.
func denyGrantRule(err error) *denial {
	rule := oauth.Rule(err)
	if rule == "" {
		return denyGrantRequest
	}
	return newOAuthDenial(http.StatusBadRequest, "invalid_request", "The request is refused: "+rule+".", "malformed")
}

// writeGrant writes a denial of a token endpoint: for pages of the origins that may
// call this gate, too, and never to be kept (RFC 6749 §5.1).
func (g *Gate) writeGrant(w http.ResponseWriter, r *http.Request, deny *denial) error {
	if len(g.origins) > 0 {
		g.origins.allow(w, r, g.Token.Cookie != "")
	}
	w.Header().Set("Pragma", "no-cache")
	return deny.write(w, r)
}
