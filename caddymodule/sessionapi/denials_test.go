package sessionapi

import (
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
)

// Clients parse these answers, so each must be exact to the byte.
func TestDenials(t *testing.T) {
	type denial callertest.Denial
	for name, d := range map[string]denial{
		"unconfirmed": {
			denyUnconfirmed, 503,
			`{"error":"temporarily_unavailable","message":"The revocation is not confirmed yet. Retry the same request."}`,
			"", "1", "unavailable",
		},
		"session": {denySession, 404, `{"error":"invalid_session","message":"Session not found or already invalidated."}`, "", "", ""},
		"body": {
			denyBody, 400, `{"error":"invalid_request","message":"The body must be one JSON object, in which session_id, if it is there, ` +
				`is a string of 1 to 1024 bytes."}`, "", "", "",
		},
		"subject":    {denySubject, 400, `{"error":"invalid_request","message":"The access token names no subject."}`, "", "", ""},
		"no session": {denyNoSession, 400, `{"error":"invalid_request","message":"The access token names no session that could be excepted."}`, "", "", ""},
		"except":     {denyExcept, 400, `{"error":"invalid_request","message":"The query must be empty, or except=current."}`, "", "", ""},
		"content":    {denyContent, 400, `{"error":"invalid_request","message":"The request must have no body."}`, "", "", ""},
		"page": {
			denyPage, 400, `{"error":"invalid_request","message":"The query is no page of the list: limit is 1 to 100, and after is the value of next in the previous page."}`,
			"", "", "",
		},
		"segment": {
			denySegment, 400, `{"error":"invalid_request","message":"The path must end in the id of one session, of 1 to 1024 bytes."}`, "", "", "",
		},
		"too large": {denyTooLarge, 413, `{"error":"payload_too_large","message":"The body is larger than 4 KiB."}`, "", "", ""},
		"media type": {
			denyMediaType, 415,
			`{"error":"unsupported_media_type","message":"A body must be application/json in UTF-8, without a Content-Encoding."}`, "", "", "",
		},
		"unconfirmed, all": {
			denyUnconfirmedAll, 503,
			`{"error":"temporarily_unavailable","message":"The sessions are revoked at this gate. The other gates follow once the store answers."}`,
			"", "1", "unavailable",
		},
	} {
		t.Run(name, func(t *testing.T) { callertest.Denial(d).Check(t) })
	}
}
