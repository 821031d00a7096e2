package contract

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
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

// Without handle_errors the response of `errors caddy` has no body, and Caddy logs each 503 as an
// error. The fields that tell a client what to do are there all the same.
func TestErrorsOfCaddyWithoutAPage(t *testing.T) {
	t.Parallel()
	key, away := harness.NewKey(), tokentest.NewKey(t, "ES256", "a")
	g := harness.Start(t, harness.Config{
		Key: key, Gate: "errors caddy",
		Issuers: "issuer " + tokentest.Issuer + " {\nhmac_secret " + harness.SecretFile(t, string(key.Secret)) + "\naudience legacy-app\n}\n" +
			"issuer https://away.example.com {\njwks http://127.0.0.1:1/jwks.json\naudience legacy-app\n}",
	})
	unavailable := tokentest.Mint(t, away, tokentest.Claims(time.Now(), map[string]any{"iss": "https://away.example.com"}))
	for _, c := range []struct {
		token, field, value string
		status              int
	}{
		{"x", "Www-Authenticate", `Bearer realm="session_gate", error="invalid_token"`, 401},
		{unavailable, "Retry-After", "1", 503},
	} {
		got := harness.Get(t, g, c.token)
		if got.Status != c.status || got.Body != "" {
			t.Errorf("answered %d %q, want %d without a body", got.Status, got.Body, c.status)
		}
		answers.Fields(t, got.Header, map[string]string{c.field: c.value, "Cache-Control": "no-store"})
	}
	harness.CheckUnreached(t, g)
	g.Stop()
	for status, logged := range map[string]bool{`"status":503`: true, `"status":401`: false} {
		if found := isLoggedAsError(g.Logs(), status); found != logged {
			t.Errorf("%s is logged as an error: %t", status, found)
		}
	}
}

// isLoggedAsError reports whether a line of level error holds a text.
func isLoggedAsError(log, text string) bool {
	return slices.ContainsFunc(strings.Split(log, "\n"), func(line string) bool {
		return strings.Contains(line, `"level":"error"`) && strings.Contains(line, text)
	})
}
