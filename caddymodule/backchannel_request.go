package caddymodule

import (
	"net/http"
	"net/url"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// maxLogoutBody bounds the body of a logout request (invariant 12): a token, and what
// a form makes of it.
const maxLogoutBody = 16 << 10

// What is answered to an issuer (OpenID Connect Back-Channel Logout 1.0 §2.8, RFC 6749
// §5.2). Whatever is wrong with a token, the answer is one; the debug log tells.
var (
	denyLogoutRequest = reply.OAuth(http.StatusBadRequest, "invalid_request",
		"The body must be a form with one logout_token, of at most 16 KiB.")
	denyLogout = reply.OAuth(http.StatusBadRequest, "invalid_request",
		"The logout token is not valid, or was received before.")
	denyLogoutUnavailable = reply.OAuth(http.StatusServiceUnavailable, "temporarily_unavailable",
		"The logout is not confirmed yet. Retry the same request.")
)

// readLogoutToken reads the logout token in the body of a request (§2.5). Other
// parameters are ignored, and so is the query.
//
// Attack: two tokens, of which another reader before or behind this one takes the
// other.
func readLogoutToken(w http.ResponseWriter, r *http.Request) (raw string, deny *reply.Denial) {
	if r.ContentLength > maxLogoutBody || reply.MediaType(r.Header) != reply.MediaForm {
		return "", denyLogoutRequest // without having the client send it first
	}
	body, err := reply.ReadBody(w, r, maxLogoutBody+1)
	if err != nil || len(body) > maxLogoutBody {
		return "", denyLogoutRequest
	}
	parameters, err := url.ParseQuery(string(body))
	if tokens := parameters["logout_token"]; err == nil && len(tokens) == 1 && tokens[0] != "" {
		return tokens[0], nil
	}
	return "", denyLogoutRequest
}
