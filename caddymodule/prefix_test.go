package caddymodule

import (
	"net/http"
	"slices"
	"testing"
)

// prefixNames are spellings of the fields by which upstreams shorten a path.
var prefixNames = []string{"X-Script-Name", "X_Script_Name", "X-Forwarded-Script-Name", "X-Traversal-Path", "X-Forwarded-Prefix", "x.forwarded.prefix"}

// Attack: GET /assets/admin with X-Script-Name: /assets, which needs no token here,
// and is /admin for an upstream that takes the value off the path.
func TestWhatAPrefixLeavesIsJudgedAsThePathIs(t *testing.T) {
	g := newGate(t, "HS256", Gate{Public: []string{"/healthz", "/assets/*", "/app/healthz", "/app/assets/*"}})
	for _, c := range []struct {
		path, prefix string
		public       bool
	}{
		{"/assets/admin", "/assets", false},
		{"/assets/admin", "/assets/", false},
		{"/assets/admin", "/asse", false},
		{"/assets/admin", "/assets/admin", false},
		{"/assets/x/../admin", "/", false},
		{"/app/assets/a", "/app", true},
		{"/app/healthz", "/app", true},
		{"/app/healthz", "/app/", true},
		{"/assets/a", "", true},
		{"/assets/a", "/app", true},
		{"/assets/a", "/ASSETS", true},
	} {
		for _, name := range prefixNames {
			r := request(http.MethodGet, c.path, "", "")
			r.Header[name] = []string{"/elsewhere", c.prefix}
			if a := g.serve(t, r); (a.upstream != nil) != c.public {
				t.Errorf("%s with %s: %q is public: %t", c.path, name, c.prefix, !c.public)
			}
		}
	}
	r := request(http.MethodGet, "/assets/a", "", "")
	for _, name := range prefixNames[:3] {
		r.Header[name] = slices.Repeat([]string{"/elsewhere"}, maxForwarded/2)
	}
	g.serve(t, r).want(t, http.StatusUnauthorized, "") // too many in all
	r = request(http.MethodGet, "/assets/admin", "", "")
	r.Header.Set("X-Script-Names", "/assets")
	g.serve(t, r).want(t, http.StatusOK, "")
}

// Attack: the same for the gate's own paths, with a good token: the upstream ends its
// session, or refreshes one that is over.
func TestAPrefixMakesNoOtherSpellingOfAnEndpoint(t *testing.T) {
	g := newGate(t, "HS256", Gate{TokenEndpoint: []string{"/oauth/token"}, SessionsEndpoint: "/v1/auth/sessions"})
	token := g.mint(t, nil)
	for _, c := range []struct{ method, path, prefix string }{
		{http.MethodDelete, "/x" + defaultEndpoint, "/x"},
		{http.MethodDelete, "/x//v1/auth/./session", "/x/"},
		{http.MethodDelete, "/x/v1/auth/sessions", "/x"},
		{http.MethodDelete, "/x/v1/auth/sessions/a", "/x"},
		{http.MethodPost, "/x/oauth/token", "/x"},
	} {
		for _, name := range prefixNames {
			r := request(c.method, c.path, token, "")
			r.Header[name] = []string{c.prefix}
			g.serve(t, r).want(t, http.StatusBadRequest, "another spelling")
			r = request(c.method, c.path, token, "")
			r.Header[name] = []string{"/y"}
			g.serve(t, r).want(t, http.StatusOK, "")
		}
	}
	// The token endpoint needs no token, and what a prefix leaves of its path would.
	r := request(http.MethodPost, "/oauth/token", "", "")
	r.Header.Set("X-Script-Name", "/oauth")
	g.serve(t, r).want(t, http.StatusBadRequest, "invalid_request")
	r = request(http.MethodGet, "/oauth/token", "", "")
	r.Header.Set("X-Script-Name", "/oauth")
	g.serve(t, r).want(t, http.StatusBadRequest, "invalid_request")
}

// Attack: GET x:admin, of which a rewrite changes the path, and reverse_proxy sends
// what is opaque.
func TestATargetWithoutAPathIsRefused(t *testing.T) {
	g := newGate(t, "HS256", Gate{Public: []string{"/healthz"}})
	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		for _, path := range []string{"/healthz", "", defaultEndpoint} {
			r := request(method, "/", g.mint(t, nil), "")
			r.URL = target(t, "x:v1/auth/session")
			r.URL.Path = path
			g.serve(t, r).want(t, http.StatusBadRequest, "invalid_request")
		}
	}
}

// Attack: a question that is answered 101, by which a tunnel is opened without a token.
func TestAPreflightOpensNoTunnel(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	r := request(http.MethodOptions, "/", "", "")
	r.Header.Set("Origin", "https://a.example")
	r.Header.Set("Access-Control-Request-Method", http.MethodGet)
	g.serve(t, r).want(t, http.StatusOK, "")
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	g.serve(t, r).want(t, http.StatusUnauthorized, "unauthorized")
}
