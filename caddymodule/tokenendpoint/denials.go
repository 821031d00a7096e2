package tokenendpoint

import (
	"errors"
	"net/http"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/reply"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/store/replica"
)

// The answers of a token endpoint if the gate answers instead of the upstream. As on other
// paths, they do not distinguish an expired token from a revoked one.
var (
	denyRevoked = reply.OAuth(http.StatusBadRequest, "invalid_grant",
		"The token is invalid, expired or revoked.").Because("revoked").With(reply.Detail{Err: errRevoked})
	denyExpired = denyRevoked.Because("expired").With(reply.Detail{Err: errExpired})
	denyInvalid = denyRevoked.Because("invalid").With(reply.Detail{Err: errLifetime})
	denyMany    = denyInvalid.With(reply.Detail{Err: errMany})
	denyRequest = reply.OAuth(http.StatusBadRequest, "invalid_request",
		"A parameter is missing, malformed, or there more than once.").Because("malformed")
	denyQuery = reply.OAuth(http.StatusBadRequest, "invalid_request",
		"The query is larger than 64 KiB.").Because("malformed")
	denyAddress = reply.OAuth(http.StatusBadRequest, "invalid_request",
		"The request names another address in a header field.")
	denyTooLarge = reply.OAuth(http.StatusRequestEntityTooLarge, "invalid_request",
		"The body is larger than 64 KiB.")
	denyMediaType = reply.OAuth(http.StatusUnsupportedMediaType, "invalid_request",
		"The body must be application/x-www-form-urlencoded or application/json in UTF-8, without a Content-Encoding.")
	denyUnavailable = reply.OAuth(http.StatusServiceUnavailable, "temporarily_unavailable",
		"The token cannot be checked at the moment. Try again.").Because("unavailable")
	denyAnswer = reply.OAuth(http.StatusBadGateway, "server_error",
		"The answer of the token endpoint cannot be checked.").Because("unavailable")
)

// The rules, for logs.
var (
	errRevoked  = errors.New("a revocation names the token, its session or its subject")
	errExpired  = errors.New("the refresh token has expired")
	errLifetime = errors.New("the refresh token has no iat or exp, or lives longer than revocations are kept; raise retention")
	errMany     = errors.New("the token would belong to more sessions than are kept of one")
)

// of returns a denial with the issuer and the subject of a token, for logs. Both are known only
// if one of the gate's issuers has signed the token; else it is nil.
func of(issued *token.Verified, deny *reply.Denial) *reply.Denial {
	if issued == nil || deny == nil {
		return deny
	}
	return caller.Of(issued, deny, nil)
}

// denyRule names the rule that a request breaks.
func denyRule(err error) *reply.Denial {
	rule := oauth.Rule(err)
	if rule == "" {
		return denyRequest
	}
	return reply.OAuth(http.StatusBadRequest, "invalid_request", "The request is refused: "+rule+".").Because("malformed")
}

// denyVerdict returns the answer for the result of a check.
func denyVerdict(verdict replica.Verdict) *reply.Denial {
	switch verdict {
	case replica.Clear:
		return nil
	case replica.Unavailable:
		return denyUnavailable
	default:
		return denyRevoked
	}
}
