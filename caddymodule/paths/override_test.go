package paths

import (
	"net/http"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/paths/pathstest"
)

// addressNames are spellings of the fields from which upstreams take a URL. prefixNames are
// spellings of the fields with which they shorten the path.
var (
	addressNames = []string{"X-Original-Url", "X-Rewrite-Url", "X-Original-Uri", "X-Forwarded-Uri", "x-original-url", "X_Original_Url", "X.Rewrite.Url", "X-ORIGINAL_URI"}
	prefixNames  = []string{"X-Script-Name", "X_Script_Name", "X-Forwarded-Script-Name", "X-Traversal-Path", "X-Forwarded-Prefix", "x.forwarded.prefix", "SCRIPT_NAME", "Script-Name"}
)

func TestFieldsThatNameAnotherPathAreKnownInEverySpelling(t *testing.T) {
	for _, name := range append(addressNames, prefixNames...) {
		if !IsOverride(name) {
			t.Errorf("%s is an ordinary field", name)
		}
	}
	for _, name := range []string{
		"", "Host", "X-Forwarded-For", "X-Forwarded-Path", "X-Original-Urls", "Xx-Original-Url", "X-Original-Host", "Referer", "Script-Names", "Authorization",
		strings.Repeat("x", 33), strings.Repeat("X-Original-Url", 5),
	} {
		if IsOverride(name) {
			t.Errorf("%s names another path", name)
		}
	}
	if n := testing.AllocsPerRun(100, func() { IsOverride("X-Forwarded-Prefix") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Attack: a trusted proxy passes on a field of its client. The request is for a public
// path, and the field tells the upstream to serve another one (CVE-2018-14773).
func TestAPublicPathIsOneUnderEveryNamedAddressToo(t *testing.T) {
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
		for _, name := range addressNames {
			r := &http.Request{URL: target(t, "/healthz"), Header: http.Header{name: {value}}}
			if got := p.Match(r); got != public {
				t.Errorf("%s: %q is public: %t", name, value, got)
			}
			r.Header = http.Header{name: {"/healthz", value}, "Accept": {"/admin"}}
			if got := p.Match(r); got != public {
				t.Errorf("%s: %q as the second field is public: %t", name, value, got)
			}
		}
	}
}

// Attack: GET /assets/admin with X-Script-Name: /assets, which is /admin for an
// upstream that strips the value from the path.
func TestAPublicPathIsOneWithoutEveryPrefixToo(t *testing.T) {
	p := mustPublic(t, "/healthz", "/assets/*", "/app/healthz", "/app/assets/*")
	for _, c := range []struct {
		path, prefix string
		public       bool
	}{
		{"/assets/admin", "/assets", false},
		{"/assets/admin", "/assets/", false},
		{"/assets/admin", "/asse", false},
		{"/assets/admin", "/assets/admin", false},
		{"/app/assets/a", "/app", true},
		{"/app/healthz", "/app", true},
		{"/app/healthz", "/app/", true},
		{"/assets/a", "", true},
		{"/assets/a", "/app", true},
		{"/assets/a", "/ASSETS", true},
		{"/%61ssets/admin", "/%61ssets", false},
	} {
		for _, name := range prefixNames {
			r := &http.Request{URL: target(t, c.path), Header: http.Header{name: {"/elsewhere", c.prefix}}}
			if got := p.Match(r); got != c.public {
				t.Errorf("%s with %s: %q is public: %t", c.path, name, c.prefix, got)
			}
		}
	}
}

// Attack: DELETE /x with X-Rewrite-URL: /v1/auth/session, which a trusted proxy passes
// on. The upstream ends its session, and every token stays valid.
func TestADeleteWhoseFieldsNameTheEndpointIsAmbiguous(t *testing.T) {
	p := mustPath(t, endpoint, Options{})
	values := append([]string{
		endpoint, "v1/auth/session", "https://gate.test/v1/auth/session", "https://gate.test/v1/auth/session?x", "//gate.test/v1/auth/session",
		`https:\\gate.test\v1/auth/session`, "/x, /v1/auth/session", "/v1/auth/session, /x", "/x,https://gate.test//v1/auth/session/",
		"https://gate.test/v1/auth/session,/x", endpoint + "#x",
		// Texts that look like a scheme, or split a list, after the path or within it.
		endpoint + "?u=http://h/c", endpoint + "?a://b", endpoint + "#a://b/c", "/v1/auth/x://../session", "/v1/auth/x,y/../session",
		"/v1/auth/x,/y/../../session", "https://gate.test/v1/auth/x,y/../session",
	}, pathstest.Misspellings...)
	for _, value := range values {
		for _, name := range addressNames {
			r := &http.Request{Method: http.MethodDelete, URL: target(t, "/orders/1"), Header: http.Header{name: {"/x", value}}}
			if got := p.Match(r, Original{}, isDelete); got != Ambiguous {
				t.Errorf("%s: %q makes it %d, want Ambiguous", name, value, got)
			}
			r.Method = http.MethodGet
			if got := p.Match(r, Original{}, isDelete); got != Other {
				t.Errorf("GET with %s: %q is %d, want Other", name, value, got)
			}
			r = &http.Request{Method: http.MethodDelete, URL: target(t, endpoint), Header: http.Header{name: {value}}}
			if got := p.Match(r, Original{}, isDelete); got != Exact {
				t.Errorf("the endpoint with %s: %q is %d, want Exact", name, value, got)
			}
		}
	}
	for _, value := range []string{
		"", "/orders/1", "/v1/auth/sessions", "https://gate.test", "/x?ids=" + strings.Repeat("1,", 1000), "/x?u=https://h/v1/auth/session", "https://v1/auth/session",
		"/orders/1?return=/v1/auth/session",
	} {
		r := &http.Request{Method: http.MethodDelete, URL: target(t, "/orders/1"), Header: http.Header{"X-Original-Url": {value}}}
		if got := p.Match(r, Original{}, isDelete); got != Other {
			t.Errorf("%q makes it %d, want Other", value, got)
		}
	}
	for path, root := range map[string]string{"/session": "/v1/auth", "/auth/session": "v1/", "/": "/v1/auth/@@session"} {
		r := &http.Request{Method: http.MethodDelete, URL: target(t, path), Header: http.Header{"X-Vhm-Root": {root}}}
		if got := p.Match(r, Original{}, isDelete); got != Ambiguous {
			t.Errorf("%s with the root %s is %d, want Ambiguous", path, root, got)
		}
	}
	for path, prefix := range map[string]string{"/x/v1/auth/session": "/x", "/x//v1/auth/./session": "/x/", "/%78/v1/auth/session": "/%78"} {
		for _, name := range prefixNames {
			r := &http.Request{Method: http.MethodDelete, URL: target(t, path), Header: http.Header{name: {"/y", prefix}}}
			if got := p.Match(r, Original{}, isDelete); got != Ambiguous {
				t.Errorf("%s with %s: %s is %d, want Ambiguous", path, name, prefix, got)
			}
		}
	}
}

// Attack: GET /healthz with X-Vhm-Root: /admin/@@users. Pyramid serves the view users of
// /admin.
func TestAPublicPathIsOneBehindEveryRootToo(t *testing.T) {
	p := mustPublic(t, "/healthz", "/assets/*", "/app/healthz")
	for root, public := range map[string]bool{"/admin/@@users": false, "/admin": false, "": true, "/": true, "/app": true, "/assets": true, "/assets/..": false} {
		r := &http.Request{URL: target(t, "/healthz"), Header: http.Header{"X-Vhm-Root": {root}}}
		if got := p.Match(r); got != public {
			t.Errorf("the root %q is public: %t", root, got)
		}
	}
}

// Attack: COPY /assets/evil with Destination: //private/assets/page. One reader finds a
// host in it, and nginx a path that needs a token.
func TestARequestWithADestinationIsNotPublic(t *testing.T) {
	p := mustPublic(t, "/", "/healthz", "/assets/*")
	for _, destination := range []string{"/assets/b", "https://gate.test/assets/b", "/private", "//private/assets/page", ""} {
		r := &http.Request{Method: "COPY", URL: target(t, "/assets/a"), Header: http.Header{"Destination": {destination}}}
		if p.Match(r) {
			t.Errorf("a request to the destination %q is public", destination)
		}
	}
}

// Attack: POST /?/admin, which CodeIgniter routes by its query.
func TestAPathInTheQueryIsNotPublic(t *testing.T) {
	p := mustPublic(t, "/", "/assets/*")
	for text, public := range map[string]bool{"/": true, "/?x=/admin": true, "/?/admin": false, "/assets/a?/admin": false, "/?%2fadmin": true} {
		if got := p.MatchURL(target(t, text)); got != public {
			t.Errorf("%s is public: %t", text, got)
		}
	}
}
