package sessionapi

import (
	"net/http"

	"github.com/sessiongate/sessiongate/caddymodule/reply"
)

// The answers of the API at the paths of one session, and of all sessions.
var (
	denyUnconfirmed = reply.New(http.StatusServiceUnavailable, "temporarily_unavailable",
		"The revocation is not confirmed yet. Retry the same request.", "").Because("unavailable").As(reply.Unconfirmed)
	denySession = reply.New(http.StatusNotFound, "invalid_session",
		"Session not found or already invalidated.", "")
	denyBody = reply.New(http.StatusBadRequest, "invalid_request",
		"The body must be one JSON object, in which session_id, if it is there, is a string of 1 to 1024 bytes.", "")
	denyTooLarge = reply.New(http.StatusRequestEntityTooLarge, "payload_too_large",
		"The body is larger than 4 KiB.", "")
	denyMediaType = reply.New(http.StatusUnsupportedMediaType, "unsupported_media_type",
		"A body must be application/json in UTF-8, without a Content-Encoding.", "")
)

// The answers at the path of all sessions only.
var (
	// denyUnconfirmedAll does not ask for a retry: this gate has already revoked the
	// caller's own token.
	denyUnconfirmedAll = reply.New(http.StatusServiceUnavailable, "temporarily_unavailable",
		"The sessions are revoked at this gate. The other gates follow once the store answers.",
		"").Because("unavailable").As(reply.Unconfirmed)
	denySubject = reply.New(http.StatusBadRequest, "invalid_request",
		"The access token names no subject.", "")
	denyNoSession = reply.New(http.StatusBadRequest, "invalid_request",
		"The access token names no session that could be excepted.", "")
	denyExcept = reply.New(http.StatusBadRequest, "invalid_request",
		"The query must be empty, or except=current.", "")
	denyContent = reply.New(http.StatusBadRequest, "invalid_request",
		"The request must have no body.", "")
	denyPage = reply.New(http.StatusBadRequest, "invalid_request",
		"The query is no page of the list: limit is 1 to 100, and after is the value of next in the previous page.", "")
	denySegment = reply.New(http.StatusBadRequest, "invalid_request",
		"The path must end in the id of one session, of 1 to 1024 bytes.", "")
)
