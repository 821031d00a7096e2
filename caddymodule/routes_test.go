package caddymodule

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/paths"
	"github.com/sessiongate/sessiongate/caddymodule/tokenendpoint"
)

// target parses a request target as net/http does.
func target(tb testing.TB, text string) *url.URL {
	tb.Helper()
	u, err := url.ParseRequestURI(text)
	if err != nil {
		tb.Fatalf("%q is no request target: %v", text, err)
	}
	return u
}

// rewritten returns a request as a gate sees it after a rewrite.
func rewritten(tb testing.TB, originalMethod, original, method, now string) *http.Request {
	tb.Helper()
	r := &http.Request{Method: method, URL: target(tb, now), Header: http.Header{}}
	before := http.Request{Method: originalMethod, URL: target(tb, original)}
	return r.WithContext(context.WithValue(context.Background(), caddyhttp.OriginalRequestCtxKey, before))
}

func TestAnOriginalRequestWithoutAURLIsNotKnown(t *testing.T) {
	ctx := context.WithValue(context.Background(), caddyhttp.OriginalRequestCtxKey, http.Request{Method: "DELETE"})
	r := (&http.Request{Method: http.MethodDelete, URL: target(t, defaultEndpoint)}).WithContext(ctx)
	if got := originalOf(r); got != (paths.Original{}) {
		t.Errorf("the original request is %v", got)
	}
}

// /oauth/token.json can be configured as a token endpoint of its own beside /oauth/token,
// in any order.
func TestATokenEndpointWithAFormatCanBeNamed(t *testing.T) {
	for _, paths := range [][]string{{tokenPath, tokenPath + ".json"}, {tokenPath + ".json", tokenPath}} {
		g := newGrantTest(t, Gate{TokenEndpoint: tokenEndpoints(paths...)})
		g.Hands(map[string]any{"access_token": "opaque"})
		for path, status := range map[string]int{tokenPath: 200, tokenPath + ".json": 200, tokenPath + ".xml": 400, tokenPath + ".json.gz": 400} {
			g.Send(t, http.MethodPost, path, formMedia, "grant_type=password").Want(t, status, "")
		}
	}
	g := newGate(t, "HS256", Gate{})
	for _, config := range []Gate{
		{TokenEndpoint: tokenEndpoints(tokenPath, tokenPath)},
		{TokenEndpoint: tokenEndpoints(tokenPath, "/OAuth/token")},
		{TokenEndpoint: tokenEndpoints(defaultEndpoint)},
	} {
		err := config.provision(g.app, g.gate.logger)
		if err == nil || !strings.Contains(err.Error(), "can be confused by some servers") || strings.Contains(err.Error(), "*") {
			t.Errorf("%q: %v", config.TokenEndpoint, err)
		}
	}
}

// A token request is still one after a rewrite to another path. A page that a rewrite moved
// to another path is an ordinary request.
func TestRewrittenTokenRequests(t *testing.T) {
	p := mustPath(t, tokenPath, paths.Options{})
	for _, test := range []struct {
		name, originalMethod, original, method, now string
		want                                        paths.Match
	}{
		{"the query taken off", "GET", tokenPath + "?refresh_token=r", "GET", tokenPath, paths.Exact},
		{"the query taken off, and the path", "GET", tokenPath + "?refresh_token=r", "GET", "/renew", paths.Ambiguous},
		{"a query added, and a format taken off", "GET", tokenPath + ".json", "GET", tokenPath + "?x=1", paths.Exact},
		{"a query added, to one with a format", "GET", "/renew", "GET", tokenPath + ".json?x=1", paths.Ambiguous},
		{"a page", "GET", tokenPath + ".html", "GET", "/pages/login.html", paths.Other},
		{"method rewritten", "POST", tokenPath, "GET", "/renew", paths.Ambiguous},
	} {
		r := rewritten(t, test.originalMethod, test.original, test.method, test.now)
		if got := p.Match(r, originalOf(r), tokenendpoint.MayGrant); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

// Attack: delete /v1/auth/session, which is no DELETE to the gate, but one to gunicorn,
// hypercorn and Jetty. The upstream ends its session, and the token stays valid.
func TestOwnPathsHaveTheirMethodsInOneLetterCase(t *testing.T) {
	g := newGrantTest(t, Gate{
		TokenEndpoint: tokenEndpoints(tokenPath), SessionsEndpoint: sessionsPath, BackchannelLogout: "/logout", Public: []string{"/*"},
	})
	g.Hands(map[string]any{})
	token := g.mint(t, nil)
	for _, c := range []struct{ method, path string }{
		{"delete", defaultEndpoint},
		{"DELETe", defaultEndpoint},
		{"Delete", "//v1/auth/session"},
		{"delete", sessionsPath},
		{"delete", sessionsPath + "/x"},
		{"get", sessionsPath},
		{"head", sessionsPath},
		{"post", "/logout"},
		{"delete", "/logout"},
		{"post", tokenPath},
		{"delete", tokenPath},
		{"post", tokenPath + ".json"},
	} {
		g.serve(t, request(c.method, c.path, token, "")).want(t, http.StatusBadRequest, "invalid_request")
	}
	for _, c := range []struct{ method, path string }{
		{"delete", "/orders/1"}, {"get", defaultEndpoint}, {"DELETED", defaultEndpoint}, {"propfind", sessionsPath}, {"Post", "/orders"},
	} {
		if a := g.serve(t, request(c.method, c.path, token, "")); a.upstream == nil || a.upstream.Method != c.method {
			t.Errorf("%s %s was answered %d %s", c.method, c.path, a.Code, a.Body)
		}
	}
}

// Attack: GET x:admin. A rewrite changes its path, and reverse_proxy sends the opaque part.
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

// Attack: a preflight is answered 101, and opens a tunnel without a token.
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

// Attack: a preflight over HTTP/3 with a body of unknown length.
func TestAPreflightGoesUpWithoutABody(t *testing.T) {
	r := request(http.MethodOptions, "/", "", "a=b")
	r.Header.Set("Origin", "https://a.example")
	r.Header.Set("Access-Control-Request-Method", http.MethodDelete)
	r.ProtoMajor, r.ContentLength = 3, -1
	answer := newGate(t, "HS256", Gate{}).serve(t, r)
	answer.want(t, http.StatusOK, "")
	if body, err := io.ReadAll(answer.upstream.Body); err != nil || len(body) > 0 || answer.upstream.ContentLength != 0 {
		t.Errorf("the upstream is asked with the body %q, of length %d, error %v", body, answer.upstream.ContentLength, err)
	}
}

// Attack: a preflight with the refresh token in its query. It needs no token here. For an
// endpoint that ignores the method it is a grant.
func TestAPreflightOfATokenEndpointGoesUpWithoutItsQuery(t *testing.T) {
	g := newGrantTest(t, Gate{})
	g.Hands(map[string]any{})
	for _, c := range []struct {
		target string
		status int
	}{
		{tokenPath, 200},
		{tokenPath + "?grant_type=refresh_token&refresh_token=r", 200},
		{"/oauth//token?refresh_token=r", 400},
		{tokenPath + ".json?refresh_token=r", 400},
	} {
		r := request(http.MethodOptions, c.target, "", "")
		r.Header.Set("Origin", "https://a.example")
		r.Header.Set("Access-Control-Request-Method", http.MethodPost)
		a := g.serve(t, r)
		if a.Code != c.status || (a.upstream != nil) != (c.status == 200) {
			t.Errorf("%s was answered %d %s", c.target, a.Code, a.Body)
		}
		if a.upstream != nil && (a.upstream.URL.RawQuery != "" || a.upstream.RequestURI != tokenPath) {
			t.Errorf("%s went up as %s", c.target, a.upstream.RequestURI)
		}
	}
}
