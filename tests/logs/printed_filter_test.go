package logs

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// An access log would show tokens of the query and of subprotocols, so its Caddyfile does not
// adapt, and the error prints a filter. Pasted into the logs, it keeps the tokens out, at level
// debug, whether the request is admitted, refused, the gate's own, or not answered upstream.
//
// Attack: read tokens of other users in the access log.
func TestThePrintedFilterKeepsTokensOutOfTheLogs(t *testing.T) {
	t.Parallel()
	config := func(filter string) harness.Config {
		return harness.Config{
			Global: "debug\nlog {\n" + filter + "\n}", Site: "log {\noutput stdout\n" + filter + "\n}",
			Routes: "session_gate {\ntoken header Authorization\ntoken query access_token\ntoken websocket_protocol bearer\n}\n" +
				"handle /away {\nreverse_proxy 127.0.0.1:1\n}\nhandle {\nreverse_proxy {$UPSTREAM}\n}",
		}
	}
	refused := harness.Prepare(t, config("")).Command(t, "adapt")
	var line struct{ Msg string }
	if err := json.Unmarshal([]byte(refused.Output), &line); err != nil {
		t.Fatalf("adapting without a filter: %v in %s", err, refused.Output)
	}
	_, printed, found := strings.Cut(line.Msg, "write into the block of log:\n")
	printed, _, placed := strings.Cut(printed, ", at ")
	if refused.Code == 0 || !found || !placed {
		t.Fatalf("adapting without a filter: %d %s", refused.Code, refused.Output)
	}
	g := harness.Start(t, config(printed))
	token := g.Token(nil)
	secret := canaries{}
	secret.addToken("token", token)
	for _, request := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/events?x=1&access_token=" + token, 200},
		{"GET", "/away?access_token=" + token, 502},
		{"GET", "/?access_token=" + token + "x", 401},
		{"DELETE", harness.Endpoint + "?access_token=" + token, 200},
		{"GET", "/?access_token=" + token, 401},
	} {
		if answer := g.Send(t, request.method, request.path); answer.Status != request.status {
			t.Errorf("%s %s: answered %d %s, want %d", request.method, request.path, answer.Status, answer.Body, request.status)
		}
	}
	for path, status := range map[string]int{"/": 401, "/away": 401} {
		answer := g.Raw(t, harness.Lines("GET "+path+" HTTP/1.1", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol: bearer, "+token))
		if answer.Status != status {
			t.Errorf("a WebSocket of %s: answered %d %s, want %d", path, answer.Status, answer.Body, status)
		}
	}
	g.Stop()
	checkWithout(t, secret, "the log", g.Logs(), loggers...)
}
