package logs

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// filtered is the log format of testdata/no_tokens.caddyfile, around another format. It
// removes what Caddy does not hide by itself from the log: a token in a custom field or in
// a URL, and ids in headers for the upstream.
func filtered(t *testing.T, format string) string {
	t.Helper()
	_, block, _ := strings.Cut(harness.Testdata(t, "no_tokens.caddyfile"), "(no_tokens) {\n")
	end := strings.LastIndex(block, "\t}\n}\n")
	return block[:end] + "\t\twrap " + format + "\n\t}"
}

// loggers are Caddy's loggers that write parts of a request.
var loggers = []string{"http.log.access", "http.log.error", "http.handlers.reverse_proxy"}

// Attack: read logs, which many people may see, to get tokens. Caddy copies a request for
// its logs before any handler sees it, and hides a fixed list of fields. So no gate can
// hide a token in another field, or one that a client put into a URL, where it is no
// credential. A filter of the log can, at every level and in every format, and the gate
// recommends it. Without a filter the tokens are in the log.
func TestAFilterKeepsOutOfTheLogsWhatCaddyDoesNotHide(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "console"} {
		t.Run(format, func(t *testing.T) {
			plain, shown := logAt(t, "format "+format)
			for name, canary := range shown {
				if !strings.Contains(plain, canary) {
					t.Errorf("without a filter, the %s is not in the log: what this test looks for has moved", name)
				}
			}
			log, secret := logAt(t, filtered(t, format))
			checkWithout(t, secret, "the log", log, loggers...)
			for _, header := range []string{"X-Api-Token", "X-Session"} {
				if !strings.Contains(log, header) {
					t.Errorf("no warning names the header %s", header)
				}
			}
		})
	}
}

// logAt returns everything that a gate writes to the log in a format, at level debug, and
// the canaries that must not be in it.
func logAt(t *testing.T, format string) (log string, secret canaries) {
	t.Helper()
	g := harness.Start(t, harness.Config{
		Global: "debug\nlog {\n" + format + "\n}",
		Site:   "log {\n" + format + "\n}",
		Routes: "session_gate {\ntoken header X-Api-Token\nidentity {\nX-Session sid\n}\n}\n" +
			"handle /away {\nreverse_proxy 127.0.0.1:1\n}\nhandle {\nreverse_proxy {$UPSTREAM}\n}",
	})
	token := g.Token(harness.Session("canary-session-id"))
	secret = canaries{"session id": "canary-session-id", "token in the query": "canary.in.query", "token in the referrer": "canary.in.referrer"}
	secret.addToken("token", token)
	in := harness.Header("X-Api-Token", token)
	from := harness.Header("Referer", "https://app.example.com/?x=1&access_token=canary.in.referrer")
	for _, request := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/?x=1&access_token=canary.in.query", 200},
		{"GET", "/away?access_token=canary.in.query", 502},
		{"DELETE", harness.Endpoint + "?access_token=canary.in.query", 200},
		{"GET", "/?access_token=canary.in.query", 401},
	} {
		if answer := g.Send(t, request.method, request.path, in, from); answer.Status != request.status {
			t.Errorf("%s %s: answered %d %s, want %d", request.method, request.path, answer.Status, answer.Body, request.status)
		}
	}
	g.Stop()
	return g.Logs(), secret
}
