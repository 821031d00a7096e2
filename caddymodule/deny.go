package caddymodule

import (
	"encoding/json"
	"net/http"

	"github.com/caddyserver/caddy/v2"
)

// reasonKey is the placeholder in which logs and metrics find why a request was
// refused. The body never tells.
const reasonKey = "http.session_gate.reason"

// realm is what this gate calls itself in a challenge (RFC 9110 §11.5).
const realm = `Bearer realm="session_gate"`

// denial is one way to refuse a request: the answer, and the reason for logs.
type denial struct {
	status int
	// challenge is the WWW-Authenticate field (RFC 6750 §3), or empty.
	challenge string
	// retryAfter is the Retry-After field in seconds, or empty.
	retryAfter string
	// allow is the Allow field (RFC 9110 §10.2.1), or empty.
	allow string
	// reason is one of missing, malformed, several, invalid, expired, revoked,
	// unavailable, method, path, cross_site; or empty if another part of the request
	// is to blame.
	reason string
	body   []byte
}

// newDenial returns a denial with the body that the API page gives.
func newDenial(status int, code, message, challenge, reason string) *denial {
	body, err := json.Marshal(struct {
		Error   string `json:"error"`
		Message string `json:"message"`
	}{code, message})
	if err != nil {
		panic(err) // two strings
	}
	d := &denial{status: status, challenge: challenge, reason: reason, body: body}
	if status == http.StatusServiceUnavailable {
		d.retryAfter = "1"
	}
	return d
}

// newOAuthDenial returns a denial with the body that clients of a token endpoint, and
// issuers, expect (RFC 6749 §5.2).
func newOAuthDenial(status int, code, description, reason string) *denial {
	d := newDenial(status, code, "", "", reason)
	body, err := json.Marshal(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}{code, description})
	if err != nil {
		panic(err) // two strings
	}
	d.body = body
	return d
}

// The one map from what is wrong to what is answered. Challenges follow RFC 6750
// §3.1: no error attribute where no credential was sent, and no detail that
// would tell an expired, a forged and a revoked token apart.
var (
	denyMissing = newDenial(http.StatusUnauthorized, "unauthorized",
		"Missing or invalid access token.", realm, "missing")
	denyInvalid = newDenial(http.StatusUnauthorized, "unauthorized",
		"Missing or invalid access token.", realm+`, error="invalid_token"`, "invalid")
	denyExpired = denyInvalid.because("expired")
	denyRevoked = denyInvalid.because("revoked")
	// denyBroken is for the session endpoint, where the API page knows one
	// answer for every token that is not good.
	denyBroken    = denyInvalid.because("malformed")
	denyMalformed = newDenial(http.StatusBadRequest, "invalid_request",
		"The credential is malformed.", realm+`, error="invalid_request"`, "malformed")
	denySeveral = newDenial(http.StatusBadRequest, "invalid_request",
		"More than one credential in the request.", realm+`, error="invalid_request"`, "several")
	denyUnavailable = newDenial(http.StatusServiceUnavailable, "temporarily_unavailable",
		"The session cannot be checked at the moment. Try again.", "", "unavailable")
	denyUnconfirmed = newDenial(http.StatusServiceUnavailable, "temporarily_unavailable",
		"The session could not be invalidated for certain. Send the same request again.", "", "unavailable")
	denyForeignSite = newDenial(http.StatusForbidden, "forbidden",
		"The browser does not say that the request comes from this site. If a proxy changes Host, keep it, or name the page's origin in cors.",
		"", "cross_site")
	denySession = newDenial(http.StatusNotFound, "invalid_session",
		"Session not found or already invalidated.", "", "")
	denyTarget = newDenial(http.StatusBadRequest, "invalid_request",
		"The request target has no path.", "", "path")
	denyAmbiguous = newDenial(http.StatusBadRequest, "invalid_request",
		"The path is another spelling of one that the gate serves.", "", "path")
	denyMethodCase = newDenial(http.StatusBadRequest, "invalid_request",
		"Methods are case-sensitive: write the method in capital letters.", "", "method")
	denyConnect = newDenial(http.StatusMethodNotAllowed, "method_not_allowed",
		"CONNECT is not allowed, except to open a WebSocket.", "", "method").
		allowing("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
	denyBody = newDenial(http.StatusBadRequest, "invalid_request",
		"The body must be one JSON object, in which session_id, if it is there, is a string of 1 to 256 bytes.", "", "")
	denyTooLarge = newDenial(http.StatusRequestEntityTooLarge, "payload_too_large",
		"The body is larger than 4 KiB.", "", "")
	denyMediaType = newDenial(http.StatusUnsupportedMediaType, "unsupported_media_type",
		"A body must be application/json in UTF-8, without a Content-Encoding.", "", "")
)

// For the endpoint of all sessions.
var (
	// denyUnconfirmedAll does not ask for the same again: at this gate the caller's
	// own token is over by then.
	denyUnconfirmedAll = newDenial(http.StatusServiceUnavailable, "temporarily_unavailable",
		"The sessions are over at this gate, and could not be invalidated everywhere for certain. They will be when the store answers.",
		"", "unavailable")
	denySubject = newDenial(http.StatusBadRequest, "invalid_request",
		"The access token names no subject.", "", "")
	denyNoSession = newDenial(http.StatusBadRequest, "invalid_request",
		"The access token names no session that could be excepted.", "", "")
	denyExcept = newDenial(http.StatusBadRequest, "invalid_request",
		"The query must be empty, or except=current.", "", "")
	denyContent = newDenial(http.StatusBadRequest, "invalid_request",
		"The request must have no body.", "", "")
	denyPage = newDenial(http.StatusBadRequest, "invalid_request",
		"The query is no page of the list: limit is 1 to 100, and after is what next was.", "", "")
	denySegment = newDenial(http.StatusBadRequest, "invalid_request",
		"The path must end in the id of one session, of 1 to 256 bytes.", "", "")
)

// because returns the same answer with another reason for logs.
func (d *denial) because(reason string) *denial {
	same := *d
	same.reason = reason
	return &same
}

// allowing returns the same answer with the methods that are allowed.
func (d *denial) allowing(methods string) *denial {
	same := *d
	same.allow = methods
	return &same
}

// write answers the request. The denial is terminal: it is written, not
// returned, because routes of handle_errors are not guarded and could serve
// what was refused.
func (d *denial) write(w http.ResponseWriter, r *http.Request) error {
	if replacer, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok && d.reason != "" {
		replacer.Set(reasonKey, d.reason)
	}
	hurryBody(w, r)
	header := w.Header()
	if d.challenge != "" {
		header.Set("WWW-Authenticate", d.challenge)
	}
	if d.allow != "" {
		header.Set("Allow", d.allow)
	}
	if d.retryAfter != "" {
		header.Set("Retry-After", d.retryAfter)
	}
	return writeJSON(w, d.status, d.body)
}

// writeJSON writes an answer of the gate itself.
func writeJSON(w http.ResponseWriter, status int, body []byte) error {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The client may be gone; there is nobody left to tell.
	_, _ = w.Write(body)
	return nil
}
