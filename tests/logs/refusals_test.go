package logs

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

const form = "application/x-www-form-urlencoded"

// A user complains of a 401 at night. The log says why, and the access log says who was answered
// what, for each way to be answered by the gate itself.
func TestLogsTellWhoIsRefusedAndWhy(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{
			Store: store, App: "log_refusals all\nlog_subject", Site: "log",
			Gate: "sessions_endpoint /v1/auth/sessions\nbackchannel_logout /v1/auth/logout\ntoken_endpoint /oauth/token\n" +
				"token header Authorization\ntoken cookie session\nrevoked_url https://id.example.com/logout",
		})
		revoked, live := g.Token(harness.Session("over")), g.Token(harness.Session("on"))
		harness.See(t, g, live)
		answers.Invalidated.Check(t, harness.End(t, g, revoked))
		stranger := tokentest.Mint(t, harness.NewKey(), tokentest.Claims(time.Now(), nil))
		page := []harness.Change{
			harness.Cookie("session=" + revoked), harness.Header("Sec-Fetch-Mode", "navigate"), harness.Header("Sec-Fetch-Dest", "document"),
			harness.Header("Accept", "text/html"),
		}
		refresh := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {revoked}}.Encode()
		for _, c := range []struct {
			method, path, query string
			changes             []harness.Change
			status              int
			// reason is "" for a request that goes to the upstream, and own for a good answer.
			reason, user, rule string
		}{
			{"GET", "/", "admitted", []harness.Change{harness.Bearer(live)}, 200, "", "alice", ""},
			{"GET", "/", "missing", nil, 401, "missing", "", "no credential"},
			{"GET", "/", "revoked", []harness.Change{harness.Bearer(revoked)}, 401, "revoked", "alice", "its session is revoked"},
			{"GET", "/", "forged", []harness.Change{harness.Bearer(stranger)}, 401, "invalid", "", "signature does not verify"},
			{"GET", "/", "site", []harness.Change{harness.Bearer(g.Token(map[string]any{"aud": "x"}))}, 401, "invalid", "alice", "aud does not name this gate"},
			{"GET", "/page", "page", page, 302, "revoked", "alice", "its session is revoked"},
			{"GET", "/v1/auth/sessions", "limit=5", []harness.Change{harness.Bearer(live)}, 200, "own", "alice", ""},
			{"DELETE", harness.Endpoint, "unknown", []harness.Change{harness.Bearer(live), harness.JSON(`{"session_id":"nobody's"}`)}, 404, "invalid_session", "alice", "Session not found"},
			{"DELETE", harness.Endpoint, "repeated", []harness.Change{harness.Bearer(revoked)}, 404, "invalid_session", "alice", "Session not found"},
			{"POST", "/oauth/token", "refresh", []harness.Change{harness.Body(form, refresh)}, 400, "revoked", "alice", "a revocation names"},
			{"POST", "/v1/auth/logout", "no-logout", []harness.Change{harness.Body(form, "logout_token="+live)}, 400, "invalid_request", "alice", "events is missing"},
			{"POST", "/v1/auth/logout", "logout", []harness.Change{harness.Body(form, "logout_token="+logoutToken(t, g, map[string]any{"sub": "bob"}))}, 200, "own", "bob", ""},
			{"DELETE", harness.Endpoint, "own", []harness.Change{harness.Bearer(live)}, 200, "own", "alice", ""},
		} {
			uri := c.path + "?" + c.query
			if got := g.Send(t, c.method, uri, c.changes...); got.Status != c.status {
				t.Errorf("%s %s is answered %d %s, want %d", c.method, uri, got.Status, got.Body, c.status)
			}
			reason := any(c.reason)
			if c.reason == "" {
				reason = nil
			}
			access := checkAccess(t, g, uri, c.user, reason)
			refused := 0
			for _, line := range linesOf(t, g, "request refused") {
				if line["uuid"] != access["uuid"] || access["uuid"] == nil {
					continue
				}
				refused++
				user, _ := line["user_id"].(string)
				rule, _ := line["rule"].(string)
				if line["reason"] != c.reason || user != c.user || !strings.HasPrefix(rule, c.rule) || line["method"] != c.method || line["path"] != c.path ||
					line["client_ip"] != "127.0.0.1" || line["level"] != "info" {
					t.Errorf("%s: the line is %v", uri, line)
				}
			}
			if want := map[bool]int{true: 1}[c.rule != ""]; refused != want {
				t.Errorf("%s: %d lines, want %d", uri, refused, want)
			}
		}
	})
}

// Attack: fill the disk of a gate by requests that are refused. By default a second has one line
// for each reason and issuer. Nobody is named.
func TestAFloodOfRefusalsDoesNotFillTheLog(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]func(lines int, seconds float64) bool{
		"":                 func(lines int, seconds float64) bool { return lines >= 1 && float64(lines) <= seconds+1 },
		"log_refusals off": func(lines int, _ float64) bool { return lines == 0 },
		"log_refusals all": func(lines int, _ float64) bool { return lines == 300 },
	} {
		g := harness.Start(t, harness.Config{App: mode})
		expired := g.Token(harness.Session("old", "iat", time.Now().Add(-2*time.Hour).Unix(), "exp", time.Now().Add(-time.Hour).Unix()))
		began := time.Now()
		for range 300 {
			answers.BadToken.Check(t, harness.Get(t, g, expired))
		}
		seconds := time.Since(began).Seconds()
		g.Stop()
		lines := linesOf(t, g, "request refused")
		if !want(len(lines), seconds) {
			t.Errorf("%q: %d lines in %.1f s", mode, len(lines), seconds)
		}
		for _, line := range lines {
			if line["reason"] != "expired" || line["issuer"] != tokentest.Issuer || line["user_id"] != nil {
				t.Errorf("%q: the line is %v", mode, line)
			}
		}
	}
}

// Attack: be refused with a token of a user, and let handle_errors send the request on in the name
// of that user. Only the access log names the user.
func TestARefusedUserIsNobodyForHandleErrors(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{
		Site: "log\nhandle_errors {\nrespond \"[{http.auth.user.id}] {http.session_gate.reason}\"\n}", Gate: "errors caddy",
	})
	revoked := g.Token(harness.Session("over"))
	answers.Invalidated.Check(t, harness.End(t, g, revoked))
	if got := g.Send(t, "GET", "/of/revoked", harness.Bearer(revoked)); got.Status != 401 || got.Body != "[] revoked" {
		t.Errorf("answered %d %q", got.Status, got.Body)
	}
	checkAccess(t, g, "/of/revoked", "alice", "revoked")
	theLine(t, g, "request refused", map[string]any{"reason": "revoked", "path": "/of/revoked"})
}
