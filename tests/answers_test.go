package tests

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// endpoint is the path at which sessions are ended.
const endpoint = "/v1/auth/session"

// answer is what the gate itself has to answer. Fields that are empty must be
// absent.
type answer struct {
	status     int
	body       string
	challenge  string
	retryAfter string
}

// refusal is the answer of this code and message.
func refusal(status int, code, message, challenge string) answer {
	return answer{status: status, body: fmt.Sprintf(`{"error":%q,"message":%q}`, code, message), challenge: challenge}
}

// The answers that are the same wherever they are given.
var (
	invalidated = answer{status: 200, body: `{"message":"Session invalidated successfully."}`}
	noToken     = refusal(401, "unauthorized", "Missing or invalid access token.", `Bearer realm="session_gate"`)
	badToken    = refusal(401, "unauthorized", "Missing or invalid access token.",
		`Bearer realm="session_gate", error="invalid_token"`)
	noSession   = refusal(404, "invalid_session", "Session not found or already invalidated.", "")
	foreignSite = refusal(403, "forbidden", "The browser does not say that the request comes from this site. If a proxy changes Host, keep it, or name the page's origin in cors.", "")
	misspelt    = refusal(400, "invalid_request", "The path is another spelling of one that the gate serves.", "")
	several     = refusal(400, "invalid_request", "More than one credential in the request.",
		`Bearer realm="session_gate", error="invalid_request"`)
	malformed = refusal(400, "invalid_request", "The credential is malformed.",
		`Bearer realm="session_gate", error="invalid_request"`)
	badBody = refusal(400, "invalid_request",
		"The body must be one JSON object, in which session_id, if it is there, is a string of 1 to 256 bytes.", "")
	tooLarge  = refusal(413, "payload_too_large", "The body is larger than 4 KiB.", "")
	mediaType = refusal(415, "unsupported_media_type",
		"A body must be application/json in UTF-8, without a Content-Encoding.", "")
	unavailable = answer{
		status: 503, retryAfter: "1",
		body: `{"error":"temporarily_unavailable","message":"The session cannot be checked at the moment. Try again."}`,
	}
)

// invalidatedID is the answer to a DELETE that named a session.
func invalidatedID(id string) answer {
	return answer{status: 200, body: fmt.Sprintf(`{"message":"Session invalidated successfully.","session_id":%q}`, id)}
}

// check compares status, body and fields with what the gate answered.
func (want answer) check(t *testing.T, got harness.Answer) {
	t.Helper()
	if got.Status != want.status || got.Body != want.body {
		t.Errorf("answer is %d %s, want %d %s", got.Status, got.Body, want.status, want.body)
	}
	for name, value := range map[string]string{
		"Content-Type":     "application/json",
		"Cache-Control":    "no-store",
		"Www-Authenticate": want.challenge,
		"Retry-After":      want.retryAfter,
	} {
		if fields := got.Header[name]; value == "" && len(fields) > 0 || value != "" && (len(fields) != 1 || fields[0] != value) {
			t.Errorf("%s is %q, want %q", name, fields, value)
		}
	}
}

// checkAdmitted fails the test unless the upstream answered.
func checkAdmitted(t *testing.T, got harness.Answer) {
	t.Helper()
	if got.Status != 200 || got.Body != harness.UpstreamBody {
		t.Errorf("answer is %d %s, want the upstream's", got.Status, got.Body)
	}
}

// checkUnreached fails the test if anything reached the upstream since it was
// last looked at.
func checkUnreached(t *testing.T, g *harness.Gate) {
	t.Helper()
	for _, reached := range g.Upstream.Take() {
		t.Errorf("%s %s reached the upstream", reached.Method, reached.URI)
	}
}

// get sends a guarded request with a token.
func get(t *testing.T, g *harness.Gate, token string) harness.Answer {
	t.Helper()
	return g.Send(t, "GET", "/", harness.Bearer(token))
}

// see makes sessions known to the gate, by a request that it admits.
func see(t *testing.T, g *harness.Gate, tokens ...string) {
	t.Helper()
	for _, token := range tokens {
		checkAdmitted(t, get(t, g, token))
	}
	g.Upstream.Take()
}

// end ends the session of a token, or the one that the body names.
func end(t *testing.T, g *harness.Gate, token string, body ...string) harness.Answer {
	t.Helper()
	changes := []harness.Change{harness.Bearer(token)}
	for _, text := range body {
		changes = append(changes, harness.JSON(text))
	}
	return g.Send(t, "DELETE", endpoint, changes...)
}

// session returns the claims of a session, with further ones by pairs of name
// and value.
func session(id string, further ...any) map[string]any {
	claims := map[string]any{"sid": id, "jti": "token-of-" + id}
	for i := 0; i < len(further); i += 2 {
		claims[further[i].(string)] = further[i+1]
	}
	return claims
}

// jsonOf reads a JSON object.
func jsonOf(t *testing.T, text string) (object map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &object); err != nil {
		t.Fatalf("reading %q: %v", text, err)
	}
	return object
}
