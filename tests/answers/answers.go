// Package answers holds the gate's own answers, byte by byte, for black-box tests to
// compare with. It sends nothing.
package answers

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// Answer is an expected answer of the gate. Fields that are empty must be absent.
type Answer struct {
	Status     int
	Body       string
	Challenge  string
	RetryAfter string
}

// Refusal returns the answer with this code and message.
func Refusal(status int, code, message, challenge string) Answer {
	return Answer{Status: status, Body: fmt.Sprintf(`{"error":%q,"message":%q}`, code, message), Challenge: challenge}
}

// The answers that are the same on all paths.
var (
	Invalidated = Answer{Status: 200, Body: `{"message":"Session invalidated successfully."}`}
	NoToken     = Refusal(401, "unauthorized", "Missing or invalid access token.", `Bearer realm="session_gate"`)
	BadToken    = Refusal(401, "unauthorized", "Missing or invalid access token.",
		`Bearer realm="session_gate", error="invalid_token"`)
	NoSession     = Refusal(404, "invalid_session", "Session not found or already invalidated.", "")
	ForeignSite   = Refusal(403, "forbidden", "The browser does not say that the request comes from this site. If a proxy changes Host, keep it, or name the page's origin in cors.", "")
	OtherSpelling = Refusal(400, "invalid_request", "The path is another spelling of one that the gate serves.", "")
	Several       = Refusal(400, "invalid_request", "More than one credential in the request.",
		`Bearer realm="session_gate", error="invalid_request"`)
	BadBody = Refusal(400, "invalid_request",
		"The body must be one JSON object, in which session_id, if it is there, is a string of 1 to 1024 bytes.", "")
	TooLarge  = Refusal(413, "payload_too_large", "The body is larger than 4 KiB.", "")
	MediaType = Refusal(415, "unsupported_media_type",
		"A body must be application/json in UTF-8, without a Content-Encoding.", "")
	Unavailable = Answer{
		Status: 503, RetryAfter: "1",
		Body: `{"error":"temporarily_unavailable","message":"The session cannot be checked at the moment. Try again."}`,
	}
)

// InvalidatedID returns the answer to a DELETE that named a session.
func InvalidatedID(id string) Answer {
	return Answer{Status: 200, Body: fmt.Sprintf(`{"message":"Session invalidated successfully.","session_id":%q}`, id)}
}

// Check compares status, body and fields with the gate's answer.
func (want Answer) Check(t *testing.T, got harness.Answer) {
	t.Helper()
	if got.Status != want.Status || got.Body != want.Body {
		t.Errorf("answer is %d %s, want %d %s", got.Status, got.Body, want.Status, want.Body)
	}
	for name, value := range map[string]string{
		"Content-Type":     "application/json",
		"Cache-Control":    "no-store",
		"Www-Authenticate": want.Challenge,
		"Retry-After":      want.RetryAfter,
	} {
		if fields := got.Header[name]; value == "" && len(fields) > 0 || value != "" && (len(fields) != 1 || fields[0] != value) {
			t.Errorf("%s is %q, want %q", name, fields, value)
		}
	}
}

// Fields compares fields; an empty one has to be absent.
func Fields(t *testing.T, got http.Header, want map[string]string) {
	t.Helper()
	for name, value := range want {
		if got.Get(name) != value {
			t.Errorf("%s is %q, want %q", name, got.Get(name), value)
		}
	}
}

// Unconfirmed is the answer to a DELETE whose outcome is unknown.
var Unconfirmed = Answer{Status: 503, RetryAfter: "1", Body: `{"error":"temporarily_unavailable",` +
	`"message":"The revocation is not confirmed yet. Retry the same request."}`}
