package caddymodule

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// The upstream sees no token that came in the query: not in the address, not in the fields of
// a trusted proxy, and not in the original request, which FastCGI sends.
//
// Attack: the application writes the address into a page or a log, and the token with it.
func TestTheUpstreamSeesNoTokenOfTheQuery(t *testing.T) {
	g := newGate(t, "HS256", Gate{Token: &TokenSource{Query: "access_token"}, SessionsEndpoint: "/v1/auth/sessions"})
	token := g.mint(t, nil)
	r := httptest.NewRequest(http.MethodGet, "/events?x=1&access_token="+token, nil)
	a := g.serve(t, r)
	a.want(t, http.StatusOK, "")
	if got := a.upstream; got.URL.RawQuery != "x=1" || got.RequestURI != "/events?x=1" {
		t.Errorf("the upstream sees %q and %q", got.URL, got.RequestURI)
	}
	if before := a.upstream.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); before.URL.RawQuery != "x=1" {
		t.Errorf("the original request has the query %q", before.URL.RawQuery)
	}
	if got := a.replacer.ReplaceAll("{http.request.uri}|{http.request.uri.query.access_token}", ""); got != "/events?x=1|" {
		t.Errorf("the placeholders are %q", got)
	}
	g.serve(t, httptest.NewRequest(http.MethodGet, "/?access_token="+token+"x", nil)).want(t, http.StatusUnauthorized, "unauthorized")
	// The gate's own paths read the rest of the query.
	g.serve(t, httptest.NewRequest(http.MethodGet, "/v1/auth/sessions?access_token="+token+"&limit=1", nil)).want(t, http.StatusOK, "session-1")
	g.serve(t, httptest.NewRequest(http.MethodDelete, "/v1/auth/sessions?access_token="+token+"&x", nil)).want(t, http.StatusBadRequest, "except=current")
	g.serve(t, httptest.NewRequest(http.MethodDelete, "/v1/auth/sessions?access_token="+token+"&except=current", nil)).want(t, http.StatusOK, "Sessions invalidated")
	g.serve(t, httptest.NewRequest(http.MethodDelete, defaultEndpoint+"?access_token="+token, nil)).want(t, http.StatusOK, invalidated)
	g.serve(t, httptest.NewRequest(http.MethodGet, "/?access_token="+token, nil)).want(t, http.StatusUnauthorized, "unauthorized")
}

// Attack: read the tokens of other users in the application's access log. A preflight has the
// address of the request that follows it.
func TestTheUpstreamSeesNoTokenOfAPreflight(t *testing.T) {
	g := newGate(t, "HS256", Gate{Token: &TokenSource{Query: "access_token"}})
	r := httptest.NewRequest(http.MethodOptions, "/events?x=1&access_token="+g.mint(t, nil), nil)
	r.Header.Set("Origin", "https://a.example")
	r.Header.Set("Access-Control-Request-Method", "GET")
	a := g.serve(t, r)
	a.want(t, http.StatusOK, "")
	if got := a.upstream; got.URL.RawQuery != "x=1" || got.RequestURI != "/events?x=1" || originalOf(got).URL.RawQuery != "x=1" {
		t.Errorf("the upstream sees %q, %q and %q", got.URL, got.RequestURI, originalOf(got).URL)
	}
}

// Attack: read the tokens of other users in the application's access log, whose usual format has
// the Referer. A page that was opened with the token in its address sends that address with the
// request for each of its images, which may be public.
func TestTheUpstreamSeesNoTokenOfTheReferer(t *testing.T) {
	g := newGate(t, "HS256", Gate{Token: &TokenSource{Header: "Authorization", Query: "access_token"}, Public: []string{"/public"}, Optional: true})
	token := g.mint(t, nil)
	for _, path := range []string{"/", "/public", "/optional"} {
		for referer, want := range map[string]string{
			"https://a.example/p?access_token=" + token: "https://a.example/p", "https://a.example/?x=%20&access_token=" + token + "&y": "https://a.example/?x=%20&y",
			"https://a.example/?x=1": "https://a.example/?x=1", "https://a.example/access_token=": "https://a.example/access_token=", "": "",
		} {
			r := request(http.MethodGet, path, "", "")
			r.Header["Referer"] = []string{referer}
			if path == "/" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			a := g.serve(t, r)
			a.want(t, http.StatusOK, "")
			if got := a.upstream.Header.Get("Referer"); got != want {
				t.Errorf("%s: the upstream sees the Referer %q, want %q", path, got, want)
			}
		}
	}
}

// Attack: GET /?access_token=<valid> with X-Original-URL: /?access_token=<revoked>, by way of
// a proxy that passes the field on.
func TestATrustedProxyNamesNoOtherToken(t *testing.T) {
	g := newGate(t, "HS256", Gate{Token: &TokenSource{Query: "access_token"}})
	token, other := g.mint(t, nil), g.mint(t, map[string]any{"jti": "other"})
	for value, status := range map[string]int{
		"/a?access_token=" + token: http.StatusOK, "/a?y=1": http.StatusOK, "/a?access_token=" + other: http.StatusBadRequest,
		"/a?Access_Token=" + other: http.StatusBadRequest,
	} {
		r := httptest.NewRequest(http.MethodGet, "/a?access_token="+token, nil)
		r.Header.Set("X-Original-URL", value)
		upstream := serveFrom(t, g, true, r)
		if admitted := upstream != nil; admitted != (status == http.StatusOK) {
			t.Errorf("%q: admitted %t, want status %d", value, admitted, status)
		}
		if upstream != nil && upstream.Header.Get("X-Original-URL") == "/a?access_token="+token {
			t.Errorf("%q: the upstream sees the token", value)
		}
	}
}
