package caddymodule

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/hub/hubtest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

const tokenPath = "/oauth/token"

// grantTest is a gate before a token endpoint, over real HTTP.
type grantTest struct {
	*gateTest
	// store is what the calls of the gate's store go through.
	store *hubtest.Hooked
	url   string
	// trusted says that requests come from a proxy that Caddy trusts. It is set before
	// the first of them.
	trusted bool

	mu      sync.Mutex
	reached []reached
	answer  http.HandlerFunc
}

// reached is a request as the token endpoint got it.
type reached struct {
	*http.Request
	body string
}

func newGrantTest(t *testing.T, config Gate) *grantTest {
	t.Helper()
	if len(config.TokenEndpoint) == 0 {
		config.TokenEndpoint = []string{tokenPath}
	}
	g := &grantTest{store: new(hubtest.Hooked)}
	g.gateTest = newGateOn(t, "HS256", config, func(opened store.Backend) store.Backend {
		g.store.Backend = opened
		return g.store
	})
	g.hands(nil)
	next := caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading the body: %v", err)
		}
		g.mu.Lock()
		g.reached = append(g.reached, reached{r, string(body)})
		answer := g.answer
		g.mu.Unlock()
		answer(w, r)
		return nil
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r, _ = prepare(w, r)
		caddyhttp.SetVar(r.Context(), caddyhttp.TrustedProxyVarKey, g.trusted)
		if err := g.gate.ServeHTTP(w, r, next); err != nil {
			t.Errorf("ServeHTTP: %v", err)
		}
	}))
	t.Cleanup(server.Close)
	g.url = server.URL
	return g
}

// answers has the token endpoint answer by a handler.
func (g *grantTest) answers(answer http.HandlerFunc) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer = answer
}

// hands has the token endpoint hand out tokens.
func (g *grantTest) hands(tokens map[string]any) {
	g.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(tokens) // the client may be gone
	})
}

// take returns what reached the token endpoint since.
func (g *grantTest) take() []reached {
	g.mu.Lock()
	defer g.mu.Unlock()
	taken := g.reached
	g.reached = nil
	return taken
}

// grantAnswer is an answer of the gate.
type grantAnswer struct {
	*http.Response
	body string
}

func (g *grantTest) send(t *testing.T, method, path, contentType, body string, fields ...string) grantAnswer {
	t.Helper()
	r, err := http.NewRequest(method, g.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	// A client that announces the end of its connection would be reset by net/http's
	// server while it sends a body that is refused unread.
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	response, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return grantAnswer{response, string(content)}
}

const formMedia = "application/x-www-form-urlencoded"

// login has the token endpoint hand out tokens for a password.
func (g *grantTest) login(t *testing.T, tokens map[string]any) {
	t.Helper()
	g.hands(tokens)
	a := g.send(t, http.MethodPost, tokenPath, formMedia, "grant_type=password&username=a&password=b")
	a.want(t, http.StatusOK, "{")
	g.take()
}

// refresh presents a refresh token, for which these are handed out.
func (g *grantTest) refresh(t *testing.T, token string, tokens map[string]any) grantAnswer {
	t.Helper()
	g.hands(tokens)
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
	return g.send(t, http.MethodPost, tokenPath, formMedia, form.Encode())
}

// wantRefused fails the test unless a refresh token is refused before it goes up.
func (g *grantTest) wantRefused(t *testing.T, token string) {
	t.Helper()
	g.refresh(t, token, nil).wantInvalidGrant(t)
	if n := len(g.take()); n != 0 {
		t.Errorf("%d requests reached the token endpoint", n)
	}
}

// wantRefreshed fails the test unless a refresh token goes up, and tokens are handed
// out.
func (g *grantTest) wantRefreshed(t *testing.T, token string, tokens map[string]any) {
	t.Helper()
	g.refresh(t, token, tokens).want(t, http.StatusOK, "{")
	if n := len(g.take()); n != 1 {
		t.Errorf("%d requests reached the token endpoint, want one", n)
	}
}

func (a grantAnswer) want(t *testing.T, status int, body string) {
	t.Helper()
	if a.StatusCode != status || !strings.Contains(a.body, body) {
		t.Errorf("answered %d %s, want %d with %s", a.StatusCode, a.body, status, body)
	}
}

func (a grantAnswer) wantInvalidGrant(t *testing.T) {
	t.Helper()
	const want = `{"error":"invalid_grant","error_description":"The token is invalid, expired or revoked."}`
	if a.StatusCode != http.StatusBadRequest || a.body != want || a.Header.Get("Cache-Control") != "no-store" ||
		a.Header.Get("Pragma") != "no-cache" || a.Header.Get("Content-Type") != "application/json" {
		t.Errorf("answered %d %s %v, want 400 invalid_grant", a.StatusCode, a.body, a.Header)
	}
}

// access mints an access token with changed claims, which names no session unless
// they do.
func (g *grantTest) access(t *testing.T, tokenID string, changes map[string]any) string {
	t.Helper()
	claims := map[string]any{"sid": nil, "jti": tokenID}
	for name, value := range changes {
		claims[name] = value
	}
	return g.mint(t, claims)
}

// hand is a token answer of an access token and a refresh token.
func hand(access, refresh string) map[string]any {
	return map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 300, "refresh_token": refresh}
}

// revoke revokes something of the tests' issuer.
func (g *grantTest) revoke(t *testing.T, kind store.Kind, value string, notBefore int64) {
	t.Helper()
	g.revokeKey(t, kind, g.app.hub.Key(kind, tokentest.Issuer, value), notBefore)
}
