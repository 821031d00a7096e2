package caddymodule

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
)

// refusedBy serves a request that must be refused, and returns the response and the error.
func refusedBy(t *testing.T, g *gateTest, r *http.Request) (*httptest.ResponseRecorder, error) {
	t.Helper()
	w := httptest.NewRecorder()
	prepared, _ := prepare(w, r)
	err := g.gate.ServeHTTP(w, prepared, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		t.Errorf("%s %s reached the upstream", r.Method, r.URL)
		return nil
	}))
	r.Body, r.Method = prepared.Body, prepared.Method
	return w, err
}

// With `errors caddy` the routes of handle_errors know the status, and the fields that tell a
// client what to do are set.
func TestCaddyWritesErrors(t *testing.T) {
	g := newGate(t, "HS256", Gate{Errors: "caddy", CORS: []string{"https://app.example.com"}, SessionsEndpoint: "/v1/auth/sessions"})
	token := g.mint(t, nil)
	second := request(http.MethodGet, "/", "x", "")
	second.Header.Add("Authorization", "Bearer y")
	check := func(name string, r *http.Request, status int, want map[string]string) {
		t.Helper()
		r.Header.Set("Origin", "https://app.example.com")
		w, err := refusedBy(t, g, r)
		handled, ok := errors.AsType[caddyhttp.HandlerError](err)
		if !ok || handled.StatusCode != status || w.Body.Len() > 0 {
			t.Errorf("%s: wrote %s and returned %v, want an error %d", name, w.Body, err, status)
		}
		want["Cache-Control"], want["Access-Control-Allow-Origin"], want["Content-Type"] = "no-store", "https://app.example.com", ""
		for field, value := range want {
			if got := w.Header().Get(field); got != value {
				t.Errorf("%s: %s is %q, want %q", name, field, got, value)
			}
		}
	}
	const realm = `Bearer realm="session_gate"`
	check("no token", request(http.MethodGet, "/", "", ""), http.StatusUnauthorized, map[string]string{"WWW-Authenticate": realm})
	check("a broken token", request(http.MethodGet, "/", "x", ""), http.StatusUnauthorized, map[string]string{"WWW-Authenticate": realm + `, error="invalid_token"`})
	check("several", second, http.StatusBadRequest, map[string]string{"WWW-Authenticate": realm + `, error="invalid_request"`})
	g.app.hub = hub.New(hub.Options{})
	g.reload(t, g.gate.logger)
	check("no revocations yet", request(http.MethodGet, "/", token, ""), http.StatusServiceUnavailable, map[string]string{"Retry-After": "1", "WWW-Authenticate": ""})
}

// Clients of the gate's own paths read JSON, whatever the site's pages look like. What could
// be another path, or a tunnel, never gets to routes that are not guarded.
//
// Attack: CONNECT with a refused token, to open a tunnel to the server of error pages.
func TestSomeErrorsStayJSON(t *testing.T) {
	g := newGate(t, "HS256", Gate{Errors: "caddy", SessionsEndpoint: "/v1/auth/sessions", BackchannelLogout: "/logout", TokenEndpoint: tokenEndpoints("/token")})
	opaque := request(http.MethodGet, "/", "", "")
	opaque.URL.Opaque = "admin"
	tunnel := request(http.MethodConnect, "/", "x", "")
	tunnel.ProtoMajor, tunnel.Proto = 3, "websocket"
	for name, r := range map[string]*http.Request{
		"the endpoint":      request(http.MethodDelete, defaultEndpoint, "", ""),
		"another spelling":  request(http.MethodDelete, defaultEndpoint+"/", "", ""),
		"another method":    request("delete", defaultEndpoint, "", ""),
		"the list":          request(http.MethodGet, "/v1/auth/sessions", "", ""),
		"a logout token":    request(http.MethodPost, "/logout", "", "x"),
		"a token endpoint":  request(http.MethodPost, "/token?refresh_token=a&refresh_token=b", "", ""),
		"no path":           opaque,
		"a tunnel":          request(http.MethodConnect, "/", "", ""),
		"a WebSocket of h3": tunnel,
	} {
		if w, err := refusedBy(t, g, r); err != nil || w.Code < 400 || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: answered %d %s, error %v", name, w.Code, w.Body, err)
		}
	}
}

// Attack: a route of handle_errors sends the refused request on to the application. There,
// the revoked token in it, or its body, would still do something, or the upgrade would open
// a tunnel.
func TestARefusedRequestIsHandedOverWithoutItsToken(t *testing.T) {
	g := newGate(t, "HS256", Gate{Errors: "caddy", Token: &TokenSource{Header: "Authorization", Cookie: "session"}})
	revoked := g.mint(t, nil)
	g.end(t, revoked, "").want(t, http.StatusOK, invalidated)
	for _, cookie := range []bool{false, true} {
		r := request(http.MethodPost, "/", revoked, "delete everything")
		if cookie {
			r.Header.Del("Authorization")
			r.Header.Set("Cookie", "theme=dark; session="+revoked)
		}
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		if _, err := refusedBy(t, g, r); err == nil {
			t.Error("no error was returned")
		}
		if r.Header.Get("Authorization") != "" || r.Header.Get("Upgrade") != "" || r.Body != http.NoBody || cookie && r.Header.Get("Cookie") != "theme=dark" {
			t.Errorf("the request is handed over with %v and a body: %t", r.Header, r.Body != http.NoBody)
		}
	}
}

// Attack: be refused by a site whose handle_errors says `header_up X-User {http.auth.user.id}` to
// a server of error pages. Caddy leaves a placeholder that it does not know as it is written, so
// that server would get the text `{http.auth.user.id}` as the name of a user.
func TestAnErrorRouteSeesNoUser(t *testing.T) {
	g := newGate(t, "HS256", Gate{Errors: "caddy", Claims: []string{"email"}})
	revoked := g.mint(t, nil)
	g.end(t, revoked, "").want(t, http.StatusOK, invalidated)
	for name, token := range map[string]string{"no token": "", "a malformed one": "x", "a revoked one": revoked} {
		w := httptest.NewRecorder()
		r, replacer := prepare(w, request(http.MethodGet, "/", token, ""))
		if err := g.gate.ServeHTTP(w, r, nil); err == nil {
			t.Errorf("%s: no error was returned", name)
		}
		const text = "<{http.auth.user.id}{http.auth.user.session_id}{http.auth.user.email}{http.auth.user.other}>"
		if got := replacer.ReplaceKnown(text, ""); got != "<>" {
			t.Errorf("%s: the placeholders are %s", name, got)
		}
	}
}

// Caddy restores the original address for the routes of handle_errors.
func TestAnErrorRouteSeesNoTokenInTheAddress(t *testing.T) {
	g := newGate(t, "HS256", Gate{Errors: "caddy", Token: &TokenSource{Query: "access_token", WebSocketProtocol: "bearer"}})
	for query, protocols := range map[string]string{"x=1&access_token=secret": "", "x=1": "chat, bearer, secret"} {
		w, r := httptest.NewRecorder(), request(http.MethodGet, "/?"+query, "", "")
		r.Header.Set("Sec-WebSocket-Protocol", protocols)
		r, _ = prepare(w, r)
		if err := g.gate.ServeHTTP(w, r, nil); err == nil {
			t.Errorf("%q: no error was returned", query)
		}
		if before := originalOf(r); before.URL.RawQuery != "x=1" || r.URL.RawQuery != "x=1" {
			t.Errorf("the queries are %q and %q", before.URL.RawQuery, r.URL.RawQuery)
		}
		if left := r.Header.Get("Sec-WebSocket-Protocol"); protocols != "" && left != "chat" {
			t.Errorf("the subprotocols are %q", left)
		}
	}
}

// Attack: CONNECT to a site whose rules rewrite the method before the gate. The routes of
// handle_errors see the original one.
func TestAMethodThatWasConnectStaysWithTheGate(t *testing.T) {
	g := newGate(t, "HS256", Gate{Errors: "caddy"})
	w := httptest.NewRecorder()
	r, _ := prepare(w, request(http.MethodConnect, "/", "x", ""))
	r.Method = http.MethodGet
	if err := g.gate.ServeHTTP(w, r, nil); err != nil || w.Code != http.StatusUnauthorized {
		t.Errorf("answered %d, error %v", w.Code, err)
	}
}
