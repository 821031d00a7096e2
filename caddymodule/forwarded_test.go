package caddymodule

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// forwardedNames are spellings of the fields from which upstreams take a URL.
var forwardedNames = []string{
	"X-Original-Url", "X-Rewrite-Url", "X-Original-Uri", "X-Forwarded-Uri", "x-original-url", "X_Original_Url", "X.Rewrite.Url", "X-ORIGINAL_URI",
}

// Attack: a request for a public path that tells the upstream to serve another
// one (CVE-2018-14773).
func TestForwardedURLsAreJudgedAsThePathIs(t *testing.T) {
	p := mustPublic(t, "/healthz", "/assets/*")
	for value, public := range map[string]bool{
		"/healthz": true, "/healthz?x=/admin": true, "/assets/a,b.js": true, "https://gate.test/healthz": true, "http://gate.test/assets/a?b=c,d": true,
		"/assets/a, /healthz": true, "/assets/a,https://gate.test/healthz": true,
		"/admin": false, "": false, "healthz": false, "admin": false, "/": false, "//healthz": false, "//gate.test/healthz": false,
		"/assets/../admin": false, "/assets/..%2fadmin": false, "/assets/%2e%2e/admin": false, "/assets/..;/admin": false, `/assets/..\admin`: false,
		"/healthz/../admin": false, "https://gate.test/admin": false, "https://gate.test": false, "https:/admin": false, "https:healthz": false,
		"/healthz, /healthz": false, "/healthz, /admin": false, "/assets/a, /admin": false, "/admin, /healthz": false, "/healthz,/admin": false, "/healthz?x=1, https://gate.test/admin": false,
		"/assets/a,b/../../admin": false, `/assets/a,\admin`: false, "/assets/%zz": false, "/assets/a\x01": false, "*": false,
	} {
		for _, name := range forwardedNames {
			if got := p.matchForwarded(http.Header{name: {value}}); got != public {
				t.Errorf("%s: %q is public: %t", name, value, got)
			}
		}
	}
	for _, header := range []http.Header{
		{"X-Original-Url": {"/healthz", "/admin"}},
		{"X-Original-Url": {"/healthz"}, "X-Rewrite-Url": {"/admin"}},
		{"X-Original-Url": {"/healthz"}, "X_original_url": {"/admin"}},
		{"X-Original-Url": slices.Repeat([]string{"/healthz"}, maxForwarded+1)},
		{"X-Original-Url": {"/assets/a" + strings.Repeat(",/assets/b", maxForwarded+1)}},
	} {
		if p.matchForwarded(header) {
			t.Errorf("%v is public", header)
		}
	}
	if !p.matchForwarded(http.Header{"X-Forwarded-Path": {"/admin"}, "X-Original-Urls": {"/admin"}, "Referer": {"/admin"}}) {
		t.Error("fields of other names count")
	}
}

// Attack: the same for the endpoint: the upstream ends its session, and every
// token stays good.
func TestADeleteThatIsForwardedToTheEndpointIsRefused(t *testing.T) {
	e := endpoint(defaultEndpoint)
	values := append([]string{
		defaultEndpoint, "v1/auth/session", "https://gate.test/v1/auth/session", "https://gate.test/v1/auth/session?x", "//gate.test/v1/auth/session",
		`https:\\gate.test\v1/auth/session`, "/x, /v1/auth/session", "/v1/auth/session, /x", "/x,https://gate.test//v1/auth/session/",
		"https://gate.test/v1/auth/session,/x", defaultEndpoint + "#x",
		// What looks like a scheme, or parts a list, behind the path or within it.
		defaultEndpoint + "?u=http://h/c", defaultEndpoint + "?a://b", defaultEndpoint + "#a://b/c", "/v1/auth/x://../session", "/v1/auth/x,y/../session",
		"/v1/auth/x,/y/../../session", "https://gate.test/v1/auth/x,y/../session",
		strings.Repeat("/x,", maxForwarded+1) + "/x", // more than anybody reads
	}, misspellings...)
	for _, value := range values {
		for _, name := range forwardedNames {
			r := &http.Request{Method: http.MethodDelete, URL: target(t, "/orders/1"), Header: http.Header{name: {"/x", value}}}
			if got := e.of(r); got != misspelt {
				t.Errorf("%s: %q makes it %d, want misspelt", name, value, got)
			}
			r.Method = http.MethodGet
			if got := e.of(r); got != elsewhere {
				t.Errorf("GET with %s: %q is %d, want elsewhere", name, value, got)
			}
			r = &http.Request{Method: http.MethodDelete, URL: target(t, defaultEndpoint), Header: http.Header{name: {value}}}
			if got := e.of(r); got != exact {
				t.Errorf("the endpoint with %s: %q is %d, want exact", name, value, got)
			}
		}
	}
	for _, value := range []string{
		"", "/orders/1", "/v1/auth/sessions", "https://gate.test", "/x?ids=" + strings.Repeat("1,", 1000), "/x?u=https://h/v1/auth/session", "https://v1/auth/session", "/x?/v1/auth/session", "/x, v1/auth/session",
	} {
		r := &http.Request{Method: http.MethodDelete, URL: target(t, "/orders/1"), Header: http.Header{"X-Original-Url": {value}}}
		if got := e.of(r); got != elsewhere {
			t.Errorf("%q makes it %d, want elsewhere", value, got)
		}
	}
}
