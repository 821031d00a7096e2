package caddymodule

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/refusals"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// loggingGate returns a gate that logs every refusal, and its log, one JSON object a line.
func loggingGate(tb testing.TB, config Gate) (*gateTest, *strings.Builder) {
	tb.Helper()
	g, text := newGate(tb, "HS256", config), new(strings.Builder)
	g.gate.refusals = refusals.New(refusals.Options{
		Mode: refusals.All, Subjects: true, Issuers: []string{tokentest.Issuer}, Logger: slog.New(slog.NewJSONHandler(text, nil)),
	})
	return g, text
}

// lastRefusal returns the last line of a log.
func lastRefusal(tb testing.TB, text *strings.Builder) (line map[string]any) {
	tb.Helper()
	lines := slices.Collect(strings.Lines(text.String()))
	if len(lines) == 0 {
		tb.Fatal("nothing was logged")
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil || line["msg"] != "request refused" || line["level"] != "INFO" {
		tb.Fatalf("the line is %s, error %v", lines[len(lines)-1], err)
	}
	return line
}

// A user gets a 401, and an operator asks why. Each way to refuse has its line.
func TestEveryRefusalHasALine(t *testing.T) {
	g, text := loggingGate(t, Gate{
		SessionsEndpoint: "/v1/auth/sessions", TokenEndpoint: tokenEndpoints("/oauth/token"), BackchannelLogout: "/v1/auth/logout",
		RevokedURL: "https://id.example.com/logout", Errors: "caddy",
	})
	revoked := g.mint(t, map[string]any{"sid": "over"})
	g.end(t, revoked, "").want(t, http.StatusOK, "success")
	if text.Len() > 0 {
		t.Errorf("a DELETE that is answered 200 logs %s", text)
	}
	refresh := g.mint(t, map[string]any{"sid": "over", "jti": "refresh"})
	form := func(target, body string) *http.Request {
		r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return r
	}
	page := request(http.MethodGet, "/page", revoked, "")
	for field, value := range map[string]string{"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"} {
		page.Header.Set(field, value)
	}
	for name, c := range map[string]struct {
		r                          *http.Request
		reason, issuer, user, rule string
		method, path               string
		status                     int
	}{
		"no token":                   {request("GET", "/a?b=c", "", ""), "missing", "", "", "no credential", "GET", "/a", 401},
		"a revoked token":            {request("GET", "/", revoked, ""), "revoked", tokentest.Issuer, "alice", "its session is revoked", "GET", "/", 401},
		"another audience":           {request("GET", "/", g.mint(t, map[string]any{"aud": "x"}), ""), "invalid", tokentest.Issuer, "alice", "aud does not name this gate", "GET", "/", 401},
		"a page, redirected":         {page, "revoked", tokentest.Issuer, "alice", "its session is revoked", "GET", "/page", 302},
		"a repeated DELETE":          {request("DELETE", defaultEndpoint, revoked, ""), "invalid_session", tokentest.Issuer, "alice", "Session not found or already invalidated", "DELETE", defaultEndpoint, 404},
		"a DELETE of nobody":         {request("DELETE", defaultEndpoint, "", ""), "missing", "", "", "no credential", "DELETE", defaultEndpoint, 401},
		"another spelling":           {request("DELETE", defaultEndpoint+"/", revoked, ""), "path", "", "", "The path is another spelling of one that the gate serves", "DELETE", defaultEndpoint + "/", 400},
		"a list":                     {request("GET", "/v1/auth/sessions", revoked, ""), "revoked", tokentest.Issuer, "alice", "a revocation names the token, its session or its subject", "GET", "/v1/auth/sessions", 401},
		"a CONNECT":                  {request("CONNECT", "/", "", ""), "method", "", "", "CONNECT is not allowed, except to open a WebSocket", "CONNECT", "/", 405},
		"a revoked refresh token":    {form("/oauth/token", "grant_type=refresh_token&refresh_token="+refresh), "revoked", tokentest.Issuer, "alice", "a revocation names the token, its session or its subject", "POST", "/oauth/token", 400},
		"a broken grant":             {form("/oauth/token", "grant_type=refresh_token&refresh_token=a&refresh_token=b"), "malformed", "", "", "The request is refused: a parameter given twice", "POST", "/oauth/token", 400},
		"an access token to log out": {form("/v1/auth/logout", "logout_token="+refresh), "invalid_request", tokentest.Issuer, "alice", "events is missing", "POST", "/v1/auth/logout", 400},
	} {
		t.Run(name, func(t *testing.T) {
			text.Reset()
			w := httptest.NewRecorder()
			r, _ := prepare(w, c.r)
			caddyhttp.SetVar(r.Context(), caddyhttp.ClientIPVarKey, "192.0.2.7")
			err := g.gate.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
				t.Error("admitted")
				return nil
			}))
			status := w.Code
			if failed, ok := err.(caddyhttp.HandlerError); ok {
				status = failed.StatusCode
			}
			line := lastRefusal(t, text)
			user, _ := line["user_id"].(string)
			issuer, _ := line["issuer"].(string)
			rule, _ := line["rule"].(string)
			if status != c.status || strings.Count(text.String(), "\n") != 1 || line["reason"] != c.reason || issuer != c.issuer || user != c.user ||
				!strings.HasPrefix(rule, c.rule) || line["method"] != c.method || line["path"] != c.path || line["client_ip"] != "192.0.2.7" {
				t.Errorf("answered %d, and logged %s, want %+v", status, text, c)
			}
		})
	}
}

// Attack: read the log of a gate, to get session ids and tokens (invariant 10). Below
// sessions_endpoint the path is the id, in whatever spelling, and some clients put a token into a
// path.
func TestALineShowsNoSessionIDAndNoTokenOfAPath(t *testing.T) {
	g, text := loggingGate(t, Gate{SessionsEndpoint: "/v1/auth/sessions"})
	for target, want := range map[string]string{
		"/v1/auth/sessions":                          "/v1/auth/sessions",
		"/v1/auth/sessions?after=canary":             "/v1/auth/sessions",
		"/v1/auth/sessions/canary":                   "/v1/auth/sessions/…",
		"/v1/auth/sessions/canary%2Fcanary":          "/v1/auth/sessions/…",
		"/v1/auth/sessions/canary/canary":            "/v1/auth/sessions/…",
		"/v1/auth/Sessions/canary":                   "/v1/auth/sessions/…",
		"/v1//auth/sessions/canary":                  "/v1/auth/sessions/…",
		"/v1/auth/%73essions/canary":                 "/v1/auth/sessions/…",
		"/v1/auth/x/../sessions/canary":              "/v1/auth/sessions/…",
		"/files/eyJhbGciOiJub25lIn0.canary.canary/x": "/files/…",
		"/files/%65yJhbGciOiJub25lIn0.canary/x":      "/files/…",
		"/a%20b?access_token=canary":                 "/a%20b",
	} {
		for _, method := range []string{http.MethodGet, http.MethodDelete, http.MethodPut} {
			text.Reset()
			g.serve(t, request(method, target, "", ""))
			if line := lastRefusal(t, text); line["path"] != want || strings.Contains(text.String(), "canary") {
				t.Errorf("%s %s: logged %s, want %s", method, target, text, want)
			}
		}
	}
}

// The line shows the request as the client sent it, not what another handler made of it.
func TestALineShowsTheOriginalRequest(t *testing.T) {
	g, text := loggingGate(t, Gate{SessionsEndpoint: "/v1/auth/sessions"})
	for original, want := range map[string]string{"/api/orders": "/api/orders", "/api/v1/auth/sessions/canary": "/v1/auth/sessions/…"} {
		text.Reset()
		w := httptest.NewRecorder()
		r, _ := prepare(w, request(http.MethodGet, original, "", ""))
		r.URL.Path = strings.TrimPrefix(r.URL.Path, "/api")
		_ = g.gate.ServeHTTP(w, r, nil) // it is refused
		if line := lastRefusal(t, text); line["path"] != want {
			t.Errorf("logged %s, want %s", text, want)
		}
	}
}

// The id leads from a line to that of the access log. Without one, Caddy makes none.
func TestALineHasTheRequestIDOfTheAccessLog(t *testing.T) {
	g, text := loggingGate(t, Gate{})
	refuse := func() (line map[string]any, id any) {
		text.Reset()
		r := request(http.MethodGet, "/", "", "")
		r.Header.Set("X-Request-Id", "canary")
		a := g.serve(t, r)
		line = lastRefusal(t, text)
		if line["uuid"] != nil {
			id, _ = a.replacer.Get("http.request.uuid")
		}
		return line, id
	}
	if line, _ := refuse(); line["uuid"] != nil {
		t.Errorf("without an access log: %v", line)
	}
	g.gate.accessLogged = true
	if line, id := refuse(); line["uuid"] == nil || line["uuid"] != id || strings.Contains(text.String(), "canary") {
		t.Errorf("got %v, the id is %v", line, id)
	}
}

// Attack: be refused, and be a user for the handlers after that: those of handle_errors, or one
// before the gate that replaces the answer. The user is for the access log alone.
func TestARefusedUserIsForTheAccessLogAlone(t *testing.T) {
	g, _ := loggingGate(t, Gate{})
	revoked := g.mint(t, map[string]any{"sid": "over"})
	g.end(t, revoked, "").want(t, http.StatusOK, "success")
	for _, errors := range []string{"json", "caddy"} {
		for _, logged := range []bool{true, false} {
			g.gate.Errors, g.gate.accessLogged = errors, logged
			w := httptest.NewRecorder()
			r, replacer := prepare(w, request(http.MethodGet, "/", revoked, ""))
			_ = g.gate.ServeHTTP(w, r, nil) // it is refused
			if user, _ := replacer.GetString(userKey); user != "" {
				t.Errorf("%s: a handler sees %q", errors, user)
			}
			replacer.Set(loggingKey, 1)
			want := map[bool]string{true: "alice"}[logged]
			if user, _ := replacer.GetString(userKey); user != want {
				t.Errorf("%s: the access log has %q, want %q", errors, user, want)
			}
		}
	}
}
