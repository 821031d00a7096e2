package logout

import (
	"net/http"
	"net/url"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// maxBody bounds the body of a logout request (invariant 12): a token, encoded as a form.
const maxBody = 16 << 10

// The gate's answers to an issuer (OpenID Connect Back-Channel Logout 1.0 §2.8, RFC 6749
// §5.2). All invalid tokens get one answer; the debug log distinguishes them.
var (
	denyRequest = reply.OAuth(http.StatusBadRequest, "invalid_request",
		"The body must be a form with one logout_token, of at most 16 KiB.")
	denyToken = reply.OAuth(http.StatusBadRequest, "invalid_request",
		"The logout token is not valid, or was received before.")
	denyReplayed    = denyToken.With(reply.Detail{Err: errReceived}) // the same answer, counted separately
	denyUnavailable = reply.OAuth(http.StatusServiceUnavailable, "temporarily_unavailable",
		"The logout is not confirmed yet. Retry the same request.")
)

// readToken reads the logout token in the body of a request (§2.5). It ignores other
// parameters and the query.
//
// Attack: two tokens in one body, where another reader before or behind this one takes the
// other token.
func readToken(w http.ResponseWriter, r *http.Request) (raw string, deny *reply.Denial) {
	if r.ContentLength > maxBody || !reply.IsForm(r.Header) {
		return "", denyRequest // refused before the client sends the body
	}
	body, err := reply.ReadBody(w, r, maxBody+1)
	if err != nil || len(body) > maxBody {
		return "", denyRequest
	}
	parameters, err := url.ParseQuery(string(body))
	if tokens := parameters["logout_token"]; err == nil && len(tokens) == 1 && tokens[0] != "" {
		return tokens[0], nil
	}
	return "", denyRequest
}
