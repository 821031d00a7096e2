package paths

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/paths/pathstest"
)

const endpoint = "/v1/auth/session"

func mustPath(tb testing.TB, text string, o Options) *Path {
	tb.Helper()
	p, err := New(text, o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// target parses a request target as net/http does.
func target(tb testing.TB, text string) *url.URL {
	tb.Helper()
	u, err := url.ParseRequestURI(text)
	if err != nil {
		tb.Fatalf("%q is no request target: %v", text, err)
	}
	return u
}

func isDelete(method string, _ *url.URL, _ *http.Request) bool {
	return strings.EqualFold(method, http.MethodDelete)
}

// match classifies a request that nothing has rewritten.
func match(p *Path, method string, u *url.URL) Match {
	return p.Match(&http.Request{Method: method, URL: u}, Original{}, isDelete)
}

// Attack: a DELETE passes the gate, and an upstream that cleans the path ends the session
// there, while its tokens stay valid at every gate.
func TestADeleteThatResemblesTheEndpointIsAmbiguous(t *testing.T) {
	p := mustPath(t, endpoint, Options{})
	for _, text := range pathstest.Misspellings {
		u := target(t, text)
		for _, method := range []string{http.MethodDelete, "delete"} {
			if got := match(p, method, u); got != Ambiguous {
				t.Errorf("%s %s is %d, want Ambiguous", method, text, got)
			}
		}
		if got := match(p, http.MethodGet, u); got != Other {
			t.Errorf("GET %s is %d, want Other", text, got)
		}
	}
}

func TestOrdinaryPathsAreOther(t *testing.T) {
	p := mustPath(t, endpoint, Options{})
	for _, text := range []string{
		"/", "/v1/auth", "/v1/auth/", "/v1/auth/sessions", "/v1/auth/session/1", "/v1/auth/session-1", "/v1/auth/sessio", "/v1/auth/.session",
		"/api/v1/auth/session", "/v2/auth/session", "/v1auth/session", "/v1/auth/%20session", "/v1.json/auth/session", "/v1/auth/session.json/1", "/v1/auth/jane.doe/session",
		"/@vite/v1/auth/session", "/v1.2/v1/auth/session", "/v1/auth/session:cancel", "/v1/auth/00:1b/session", "/v1/auth/session@2x.png", "/v1/auth/session(1)",
		"/v1/x/auth/session", "/v1/auth/x/session", "/session/auth/v1/../../..", "/a/../b;c/%23/v1/session",
		"/a" + strings.Repeat("/b", 100) + "/..", strings.Repeat("/v1", 2000), strings.Repeat("/a%2fb", 2000),
		"/orders" + strings.Repeat("/x", 100) + strings.Repeat("/..", 100), "/x/v1/auth/session", "//v1", "//cdn/a.js",
		"/v1/auth?session", "/v1/session/../auth", "/%", "/v1/auth/%zzsession", "*",
	} {
		u := &url.URL{Path: text}
		if !strings.Contains(text, "%zz") && text != "/%" {
			u = target(t, text)
		}
		for _, method := range []string{http.MethodDelete, http.MethodGet, "delete"} {
			if got := match(p, method, u); got != Other {
				t.Errorf("%s %s is %d, want Other", method, text, got)
			}
		}
	}
}

// The rule refuses these paths although no reader reads them as the endpoint. An ordinary
// DELETE has no dot-dots or parameters around these segments.
func TestContestedPathsWithTheSegmentsInOrderAreAmbiguous(t *testing.T) {
	p := mustPath(t, endpoint, Options{})
	for _, text := range []string{
		"/v1/auth/../session", "/v1/auth/session/..", "/v1/auth/./../session", "/x/y/../v1/auth/session", "/v1/auth/session/x/y/..",
		"//x/y/v1/auth/session", "/v1/a;b/auth/c/session/d", "/a.php/v1/x/auth/session", "/api/v1/auth/session;v=2", "/v1/auth/session/1;v=2/../sessio", "/v1/auth/session/a..b",
	} {
		if got := match(p, http.MethodDelete, target(t, text)); got != Ambiguous {
			t.Errorf("DELETE %s is %d, want Ambiguous", text, got)
		}
	}
}

func TestThePathHasOneSpelling(t *testing.T) {
	for _, path := range []string{endpoint, "/Logout", "/a-b_c/~d"} {
		p := mustPath(t, path, Options{})
		for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodOptions, http.MethodPost} {
			for _, text := range []string{path, path + "?session_id=x", "http://gate.example" + path} {
				if got := match(p, method, target(t, text)); got != Exact {
					t.Errorf("%s %s is %d, want Exact", method, text, got)
				}
			}
		}
	}
	if got := match(mustPath(t, "/Logout", Options{}), http.MethodDelete, target(t, "/logout")); got != Ambiguous {
		t.Errorf("DELETE /logout is %d where /Logout is the path, want Ambiguous", got)
	}
	for _, text := range []string{"", "x", "/", "/a/", "/a//b", "/a/../b", "/a b", "/a%20b", "/a;b", "/a/*", "/ä"} {
		if _, err := New(text, Options{}); err == nil {
			t.Errorf("%q is a path", text)
		}
	}
}

// The path after handle_path, uri, rewrite and method counts. A request whose original path
// was the endpoint, and whose path is now another one, must not pass unnoticed.
func TestRewrittenRequests(t *testing.T) {
	p := mustPath(t, endpoint, Options{})
	for _, test := range []struct {
		name, originalMethod, original, method, now string
		want                                        Match
	}{
		{"handle_path in front", "DELETE", "/api/v1/auth/session", "DELETE", endpoint, Exact},
		{"nothing rewritten", "DELETE", endpoint, "DELETE", endpoint, Exact},
		{"rewritten away", "DELETE", endpoint, "DELETE", "/internal/logout", Ambiguous},
		{"a misspelling rewritten away", "DELETE", "//v1/auth/session", "DELETE", "/internal/logout", Ambiguous},
		{"prefix taken off the endpoint", "DELETE", endpoint, "DELETE", "/auth/session", Ambiguous},
		{"method rewritten", "DELETE", endpoint, "POST", "/internal/logout", Ambiguous},
		{"method rewritten, path not", "DELETE", "//v1/auth/session", "POST", "//v1/auth/session", Ambiguous},
		{"method rewritten to DELETE", "POST", "/logout", "DELETE", endpoint, Exact},
		{"method rewritten to DELETE of a misspelling", "POST", "/logout", "DELETE", "/v1/auth/session/", Ambiguous},
		{"a GET rewritten away", "GET", endpoint, "GET", "/internal/session", Other},
		{"a GET rewritten here", "GET", "/logout", "GET", endpoint, Exact},
		{"another path all along", "DELETE", "/a/1", "DELETE", "/1", Other},
	} {
		r := &http.Request{Method: test.method, URL: target(t, test.now)}
		original := Original{test.originalMethod, target(t, test.original)}
		if got := p.Match(r, original, isDelete); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func TestPathsOfChildrenStandForOneSegmentBelow(t *testing.T) {
	p := mustPath(t, "/v1/auth/sessions", Options{Children: true})
	for text, id := range map[string]string{
		"/v1/auth/sessions/a": "a", "/v1/auth/sessions/a..b": "a..b", "/v1/auth/sessions/a%2fb": "a/b", "/v1/auth/sessions/a%3Bb?x": "a;b", "/v1/auth/sessions/%252e%252ex": "%2e%2ex", "/v1/auth/sessions/%252e%252e": "%2e%2e", "/v1/auth/sessions/a%20b": "a b", "/v1/auth/sessions/...": "...",
	} {
		u := target(t, text)
		if got, ok := p.Child(u); !ok || got != id || match(p, http.MethodDelete, u) != Exact {
			t.Errorf("%s: the child is %q, %t", text, got, ok)
		}
	}
	for _, text := range []string{
		"/v1/auth/sessions/a/b", "/v1/auth/sessions/a/", "/v1/auth//sessions/a", "/v1/auth/sessions/%2e%2e", "/V1/auth/sessions/a", "/v1/auth/sessions;x/a",
		"/x/../v1/auth/sessions/a", "/v1/auth/sessions//a", "/v1/auth/sessions/a%2f..", `/v1/auth/sessions/a\..`, "/v1/auth/sessions/;a",
		"/v1/auth/sessions/%3Fa", "/v1/auth/sessions/%00", "/v1/auth/sessions/%2fa", "/v1/auth/sessions/%09",
	} {
		if got := match(p, http.MethodDelete, target(t, text)); got != Ambiguous {
			t.Errorf("DELETE %s is %d, want Ambiguous", text, got)
		}
	}
	for _, text := range []string{"/v1/auth/sessions", "/v1/auth/sessions/", "/v1/auth/session/a", "/v1/auth/sessionsx/a", "/v1/sessions/a"} {
		if got := match(p, http.MethodDelete, target(t, text)); got != Other {
			t.Errorf("DELETE %s is %d, want Other", text, got)
		}
	}
}

func TestPathsThatSomeServersConfuseOverlap(t *testing.T) {
	all, one := mustPath(t, "/v1/auth/sessions", Options{}), mustPath(t, "/v1/auth/sessions", Options{Children: true})
	for _, test := range []struct {
		a, b *Path
		want bool
	}{
		{all, one, false},
		{all, mustPath(t, "/V1/auth/Sessions", Options{}), true},
		{one, mustPath(t, "/v1/auth/sessions/mine", Options{}), true},
		{one, mustPath(t, "/V1/auth/sessions", Options{Children: true}), true},
		{mustPath(t, "/oauth/token", Options{}), mustPath(t, "/oauth/token.json", Options{}), false},
		{all, mustPath(t, endpoint, Options{}), false},
	} {
		if test.a.Overlaps(test.b) != test.want || test.b.Overlaps(test.a) != test.want {
			t.Errorf("%s and %s overlap: want %t", test.a, test.b, test.want)
		}
	}
}

// Django's endpoints end with a slash. Attack: the path without it, or with two, for which the
// upstream serves the same endpoint.
func TestOneTrailingSlashMayBelongToThePath(t *testing.T) {
	p, err := New("/api/token/", Options{Slash: true})
	if err != nil {
		t.Fatal(err)
	}
	always := func(string, *url.URL, *http.Request) bool { return true }
	for target, want := range map[string]Match{
		"/api/token/": Exact, "/api/token": Ambiguous, "/api/token//": Ambiguous, "/api//token/": Ambiguous, "/API/token/": Ambiguous,
		"/api/token/.": Ambiguous, "/api/token.json": Ambiguous, "/api/%74oken/": Ambiguous, "/api/token;x/": Ambiguous, "/x/../api/token/": Ambiguous,
		"/api/token/refresh/": Other, "/api/token/refresh": Other, "/api/": Other, "/api/tokens/": Other,
	} {
		r := httptest.NewRequest(http.MethodPost, target, nil)
		if got := p.Match(r, Original{}, always); got != want {
			t.Errorf("%s: %v, want %v", target, got, want)
		}
	}
	for _, text := range []string{"/api/token//", "//", "/", "", "api/token/", "/api/./token/", "/api/token/?", "/api//token/"} {
		if _, err := New(text, Options{Slash: true}); err == nil || !strings.Contains(err.Error(), "ends with one at most") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := New("/api/token/", Options{}); err == nil {
		t.Error("a trailing slash was accepted where none is permitted")
	}
	without, err := New("/api/token", Options{Slash: true})
	if err != nil || !p.Overlaps(without) || !without.Overlaps(p) {
		t.Errorf("the paths with and without the slash do not overlap, error %v", err)
	}
	deeper, err := New("/api/token/refresh/", Options{Slash: true})
	if err != nil || p.Overlaps(deeper) || deeper.Overlaps(p) {
		t.Errorf("a path below overlaps, error %v", err)
	}
}
