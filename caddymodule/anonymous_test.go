package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Attack: an upstream that gets `{http.auth.user.id}` as it is written takes it for the name
// of a user. So no placeholder of a request without a token is its own text, whatever the
// configuration names.
func TestPlaceholdersOfNobodyAreEmpty(t *testing.T) {
	g := newGate(t, "HS256", Gate{
		Public: []string{"/healthz"}, Claims: []string{"email"}, TokenEndpoint: tokenEndpoints(tokenPath),
	})
	preflight := request(http.MethodOptions, "/orders", "", "")
	preflight.Header.Set("Origin", "https://app.example.com")
	preflight.Header.Set("Access-Control-Request-Method", http.MethodPut)
	login := httptest.NewRequest(http.MethodPost, tokenPath, strings.NewReader("grant_type=password"))
	login.Header.Set("Content-Type", formMedia)
	question := preflight.Clone(t.Context())
	question.URL.Path = tokenPath
	for name, r := range map[string]*http.Request{
		"a public path":                request(http.MethodGet, "/healthz", "", ""),
		"a public path with a token":   request(http.MethodGet, "/healthz", g.mint(t, nil), ""),
		"a preflight":                  preflight,
		"a token endpoint":             login,
		"a token endpoint's page":      request(http.MethodGet, tokenPath, "", ""),
		"a token endpoint's preflight": question,
	} {
		a := g.serve(t, r)
		if a.upstream == nil {
			t.Errorf("%s: answered %d %s", name, a.Code, a.Body)
			continue
		}
		for _, claim := range []string{"id", "session_id", "token_id", "issuer", "email", "realm_access.roles", "misspelt", ""} {
			text := "[{http.auth.user." + claim + "}]"
			if got := a.replacer.ReplaceKnown(text, "no value"); got != "[no value]" {
				t.Errorf("%s: %s is %q", name, text, got)
			}
		}
		if got := a.replacer.ReplaceKnown("{http.auth.users}", ""); got != "{http.auth.users}" {
			t.Errorf("%s: a placeholder of others is %q", name, got)
		}
	}
}

// Another handler behind the gate, such as basic_auth on public paths, tells who the user is.
func TestAnotherHandlerMaySayWhoTheUserIs(t *testing.T) {
	g := newGate(t, "HS256", Gate{Public: []string{"/healthz"}})
	w := httptest.NewRecorder()
	r, replacer := prepare(w, request(http.MethodGet, "/healthz", "", ""))
	err := g.gate.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		replacer.Set("http.auth.user.id", "bob")
		return nil
	}))
	if got := replacer.ReplaceKnown("{http.auth.user.id}", ""); err != nil || got != "bob" {
		t.Errorf("the user is %q, error %v", got, err)
	}
}
