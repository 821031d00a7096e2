package logs

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: read the log of a gate that logs most, to get tokens, or session ids by which sessions
// can be ended (invariant 10). Requests have them in their path, their query, their cookie and
// their body, and all of these requests are refused.
func TestLinesOfRefusalsAndRevocationsShowNoSecret(t *testing.T) {
	t.Parallel()
	const sessions = "/v1/auth/sessions"
	g := harness.Start(t, harness.Config{
		Global: "debug", App: "log_refusals all\nlog_subject",
		Gate: "sessions_endpoint " + sessions + "\nbackchannel_logout /v1/auth/logout\ntoken_endpoint /oauth/token\n" +
			"token header Authorization\ntoken cookie canary_cookie\ntoken query canary_query\nlogin_url https://id.example.com/login?next={uri}",
	})
	ids := harness.Session("canary-session-id", "jti", "canary-token-id", "email", "canary@example.com")
	good, revoked := g.Token(ids), g.Token(harness.Session("canary-session-that-is-revoked", "jti", "canary-token-of-it"))
	stranger := tokentest.Mint(t, harness.NewKey(), tokentest.Claims(time.Now(), ids))
	logout := logoutToken(t, g, map[string]any{"sub": "alice", "sid": "canary-session-of-a-logout", "jti": "canary-logout"})
	secret := canaries{"secret": string(g.Key.Secret), "session id": "canary-session", "token id": "canary-token", "claim": "canary@", "opaque token": "canary-opaque", "logout": "canary-logout"}
	for name, raw := range map[string]string{"token": good, "revoked token": revoked, "token of a stranger": stranger, "logout token": logout} {
		secret.addToken(name, raw)
	}
	refresh := func(raw string) harness.Change {
		return harness.Body(form, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {raw}, "client_secret": {"canary-opaque-secret"}}.Encode())
	}
	requests := []struct {
		method, path string
		status       int
		changes      []harness.Change
	}{
		{"DELETE", harness.Endpoint, 200, []harness.Change{harness.Bearer(revoked)}},
		{"GET", "/files/" + good + "/x", 401, nil},
		{"GET", "/?canary_query=" + stranger, 401, nil},
		{"GET", "/?canary_query=" + revoked, 401, nil},
		{"GET", "/?canary_query=canary-opaque", 401, nil},
		{"GET", sessions + "/canary-session-id", 401, nil},
		{"GET", sessions + "/canary-session-id/canary-session-id", 401, nil},
		{"PUT", "/v1/auth/SESSIONS/canary-session-id", 401, nil},
		{"DELETE", "/v1/auth/Sessions/canary-session-id", 400, []harness.Change{harness.Bearer(good)}},
		{"DELETE", sessions + "/canary-session-id/", 400, []harness.Change{harness.Bearer(good)}},
		{"DELETE", sessions + "/canary-session-nobody-knows", 404, []harness.Change{harness.Bearer(good)}},
		{"DELETE", sessions + "/canary-session-id", 401, []harness.Change{harness.Bearer(stranger)}},
		{"DELETE", sessions + "/canary-session-id", 403, []harness.Change{harness.Cookie("canary_cookie=" + good), harness.Header("Origin", "https://evil.example.com")}},
		{"GET", "/page?canary_query=" + revoked, 401, []harness.Change{harness.Header("Sec-Fetch-Mode", "navigate"), harness.Header("Sec-Fetch-Dest", "document")}},
		{"GET", "/page", 302, []harness.Change{harness.Cookie("canary_cookie=" + stranger), harness.Header("Sec-Fetch-Mode", "navigate"), harness.Header("Sec-Fetch-Dest", "document"), harness.Header("Accept", "text/html")}},
		{"POST", "/oauth/token", 400, []harness.Change{refresh(revoked)}},
		{"POST", "/oauth/token", 400, []harness.Change{refresh("canary-opaque\ntoken")}},
		{"POST", "/v1/auth/logout", 400, []harness.Change{harness.Body(form, "logout_token="+good)}},
		{"POST", "/v1/auth/logout", 400, []harness.Change{harness.Body(form, "logout_token="+stranger)}},
		{"POST", "/v1/auth/logout", 200, []harness.Change{harness.Body(form, "logout_token="+logout)}},
		{"POST", "/v1/auth/logout", 400, []harness.Change{harness.Body(form, "logout_token="+logout)}},
		{"DELETE", sessions + "/canary-session-id", 200, []harness.Change{harness.Bearer(good)}},
		{"DELETE", harness.Endpoint, 404, []harness.Change{harness.Bearer(good)}},
	}
	refused := 0
	for _, request := range requests {
		answer := g.Send(t, request.method, request.path, request.changes...)
		if answer.Status != request.status {
			t.Errorf("%s %s: answered %d %s, want %d", request.method, request.path, answer.Status, answer.Body, request.status)
		}
		if request.status != 200 {
			refused++
		}
	}
	g.Stop()
	checkWithout(t, secret, "the log", g.Logs(), `"user_id":"alice"`, everywhere, `"path":"/v1/auth/sessions/…"`, `"path":"/files/…"`, `"level":"debug"`)
	if n := strings.Count(g.Logs(), `"msg":"request refused"`); n != refused {
		t.Errorf("%d lines of %d refused requests", n, refused)
	}
}
