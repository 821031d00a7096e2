package contract

import (
	"strconv"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// With `errors caddy`, a site shows its own pages to refused requests, in every version of
// HTTP. The session API still answers JSON.
func TestSiteWritesItsOwnErrorPages(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{
		TLS: true, Gate: "errors caddy\ncors " + appOrigin,
		Site: "handle_errors {\nrespond \"page {err.status_code} {http.session_gate.reason}\" {err.status_code}\n}",
	})
	revoked := g.Token(harness.Session("revoked"))
	answers.Invalidated.Check(t, harness.End(t, g, revoked))
	harness.EachProtocol(t, func(t *testing.T, protocol harness.Protocol) {
		send := func(method, target string, fields ...string) harness.Answer {
			t.Helper()
			return g.Over(t, protocol, harness.Request{Method: method, Target: target, Fields: append(fields, "Origin: "+appOrigin)})
		}
		for page, got := range map[string]harness.Answer{
			"page 401 missing":   send("GET", "/"),
			"page 401 malformed": send("GET", "/", "Authorization: Bearer x"),
			"page 401 revoked":   send("POST", "/", "Authorization: Bearer "+revoked),
			"page 400 several":   send("GET", "/", "Authorization: Bearer x", "Authorization: Bearer y"),
		} {
			if got.Body != page || !strings.Contains(page, strconv.Itoa(got.Status)) {
				t.Errorf("answered %d %q, want %q", got.Status, got.Body, page)
			}
			if challenge := got.Header.Get("Www-Authenticate"); !strings.HasPrefix(challenge, `Bearer realm="session_gate"`) {
				t.Errorf("%s: the challenge is %q", page, challenge)
			}
			answers.Fields(t, got.Header, map[string]string{"Access-Control-Allow-Origin": appOrigin, "Cache-Control": "no-store"})
		}
		answers.NoToken.Check(t, send("DELETE", harness.Endpoint))
		answers.OtherSpelling.Check(t, send("DELETE", harness.Endpoint+"/"))
		harness.CheckUnreached(t, g)
	})
	harness.CheckAdmitted(t, harness.Get(t, g, g.Token(nil)))
}
