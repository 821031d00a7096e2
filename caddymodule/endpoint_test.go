package caddymodule

import (
	"context"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
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

// rewritten is a request as a gate sees it after handlers that rewrite.
func rewritten(tb testing.TB, originalMethod, original, method, now string) *http.Request {
	tb.Helper()
	r := &http.Request{Method: method, URL: target(tb, now), Header: http.Header{}}
	before := http.Request{Method: originalMethod, URL: target(tb, original)}
	return r.WithContext(context.WithValue(context.Background(), caddyhttp.OriginalRequestCtxKey, before))
}

// misspellings are targets that some reader behind the gate takes for the
// endpoint.
var misspellings = []string{
	// Slashes, doubled and trailing.
	"//v1/auth/session", "/v1//auth/session", "/v1/auth//session", "/v1/auth/session/", "/v1/auth/session//", "///v1///auth///session",
	// Dot segments.
	"/./v1/auth/session", "/v1/./auth/session", "/v1/auth/session/.", "/v1/auth/x/../session", "/v1/auth/session/x/..", "/../v1/auth/session",
	"/x/../v1/auth/session", "/v1/auth/session/./",
	// Percent-encoding of letters, slashes and dots, in both cases and twice.
	"/v1/auth/%73ession", "/%76%31/auth/session", "/v1%2fauth/session", "/v1/auth%2Fsession", "/v1/auth/session%2f", "/v1/%2e/auth/session",
	"/v1/x/%2E%2e/auth/session", "/v1/x/.%2e/auth/session", "/v1/auth/%2573ession", "/v1/auth%252Fsession", "/v1/auth/%252573ession",
	"/v1/auth/sessio%25%36%65",
	// Letter case, also U+017F, which folds to s.
	"/V1/auth/session", "/v1/AUTH/session", "/v1/auth/Session", "/v1/auth/%53ESSION", "/v1/auth/%c5%bfession",
	// U+0130, which is "i" in lower case, and U+0131, which is "I" in upper case.
	"/v1/auth/sess%c4%b0on", "/v1/auth/sess%c4%b1on",
	// Overlong forms of a slash, a dot, a letter and a percent sign.
	"/v1/auth%c0%afsession", "/v1/%c0%ae/auth/session", "/v1/auth%e0%80%afsession", "/v1/auth%f0%80%80%afsession", "/v1/auth/%c1%b3ession",
	"/v1/auth/%c0%a573ession",
	// Parameters.
	"/v1/auth/session;", "/v1/auth/session;jsessionid=1", "/v1;a=b/auth/session", "/v1/auth/session%3Ba", "/v1/auth/x/..;/session",
	"/v1/auth/session;a/;b",
	// Backslashes.
	`/v1/auth\session`, `/v1%5cauth%5Csession`, `/\v1/auth/session`, `/v1/auth/session\`, `/v1/auth/x/..\session`,
	// Blanks, NUL and other control characters at the end.
	"/v1/auth/session%20", "/v1/auth/session%09", "/v1/auth/session%00", "/v1/auth/session%00.html", "/v1/auth/session%0a", "/v1/auth/session%0d%0a",
	"/v1%20/auth/session", "/v1/auth/session%7f", "/v1/auth/session%20/", "/v1/auth/session%2520",
	// A query or fragment behind an escape, to whom decodes before splitting.
	"/v1/auth/session%3Fa=b", "/v1/auth/session%23a", "/v1/auth/session%253f",
	// A host and the endpoint, to whom resolves the target as a reference.
	"//x/v1/auth/session", "///x/v1/auth/session", "//x.example:80/v1/auth/session/", `/\x/v1/auth/session`, "//x%2fv1/auth/session",
	"/%2fx/v1/auth/%73ession", "//x//v1/auth/session",
	// Segments that one reader drops, decodes or parts, and another takes back.
	"/v1/auth/;/../session", "/v1/auth/%20/../session", "/v1/auth//../session", `/v1/auth/a\b/../session`, "/v1/auth/a%2fb/../session",
	"/v1/auth/a%5cb/../session", "/v1/auth/%252e%252e/../session", "/v1/auth/..;/../session", "/v1/auth/%23/../session", "/v1/auth/%3F/../session",
	"/v1/auth/%00/../session", "/v1/auth/%2e/../session", "/v1/a%2fb/c/../../auth/session", "/v1/auth/session/%2f/..", "/v1/auth/session;a/b",
	`/v1;\0/auth/session`, "/v1;a%2fb/auth/session", "/v1;%2f../auth/session",
	// More than anybody follows.
	"/v1" + strings.Repeat("/a/..", 64) + "/auth/session", strings.Repeat("/..", 64) + "/v1/auth", strings.Repeat("/", 1025) + "v1",
	// With a query of its own.
	"//v1/auth/session?session_id=x",
}

// The attack: a DELETE that goes past the gate to an upstream that cleans the
// path ends the session there, and its tokens stay good at every gate (P52).
func TestADeleteThatResemblesTheEndpointIsRefused(t *testing.T) {
	e := endpoint(defaultEndpoint)
	for _, text := range misspellings {
		r := &http.Request{Method: http.MethodDelete, URL: target(t, text)}
		if e.of(r) != misspelt {
			t.Errorf("DELETE %s is not refused", text)
		}
		r.Method = http.MethodGet
		if e.of(r) != elsewhere {
			t.Errorf("GET %s is not an ordinary request", text)
		}
	}
}

func TestOrdinaryPathsAreElsewhere(t *testing.T) {
	e := endpoint(defaultEndpoint)
	for _, text := range []string{
		"/", "/v1/auth", "/v1/auth/", "/v1/auth/sessions", "/v1/auth/session/1", "/v1/auth/session-1", "/v1/auth/session.json", "/v1/auth/sessio",
		"/api/v1/auth/session", "/v1/auth/session/x/y/..", "/v2/auth/session", "/v1auth/session", "/v1/auth/%20session",
		"/v1/auth/../session", "/v1/auth/session/..", "/v1/auth/./../session", "/v1/x/auth/session", "/x/y/../v1/auth/session", "/v1/session/../auth",
		"/v1/auth/x/y/../session", "/session/auth/v1/../../..", "/v1/auth/sess%2fion", "/a" + strings.Repeat("/b", 100) + "/..",
		strings.Repeat("/v1", 2000), strings.Repeat("/a%2fb", 2000), "/orders" + strings.Repeat("/x", 100) + strings.Repeat("/..", 100), "/?/v1/auth/session",
		"/v1auth/session", "/x/v1/auth/session", "//x/y/v1/auth/session", "//v1", "/v1/auth?session", "/%", "/v1/auth/%zzsession", "*",
	} {
		u := &url.URL{Path: text}
		if !strings.Contains(text, "%zz") && text != "/%" {
			u = target(t, text)
		}
		if withFormats(defaultEndpoint).resembles(u.EscapedPath()) != (text == "/v1/auth/session.json") {
			t.Errorf("%s is, or is not, one with a format", text)
		}
		for _, method := range []string{http.MethodDelete, http.MethodGet, "delete"} {
			if claim := e.of(&http.Request{Method: method, URL: u}); claim != elsewhere {
				t.Errorf("%s %s is %d, want elsewhere", method, text, claim)
			}
		}
	}
}

func TestTheEndpointHasOneSpelling(t *testing.T) {
	for _, e := range []endpoint{defaultEndpoint, "/Logout", "/a-b_c/~d"} {
		for _, method := range []string{http.MethodDelete, http.MethodGet, http.MethodOptions, http.MethodPost} {
			for _, text := range []string{string(e), string(e) + "?session_id=x", "http://gate.example" + string(e)} {
				if claim := e.of(&http.Request{Method: method, URL: target(t, text)}); claim != exact {
					t.Errorf("%s %s is %d, want exact", method, text, claim)
				}
			}
		}
	}
	if claim := endpoint("/Logout").of(&http.Request{Method: http.MethodDelete, URL: target(t, "/logout")}); claim != misspelt {
		t.Errorf("DELETE /logout is %d where /Logout is the endpoint, want misspelt", claim)
	}
}

// The path that counts is the one after handle_path, uri, rewrite and method
// (P53); what was the endpoint and no longer is would pass unseen.
func TestRewrittenRequests(t *testing.T) {
	e := endpoint(defaultEndpoint)
	for _, test := range []struct {
		name, originalMethod, original, method, now string
		want                                        claim
	}{
		{"handle_path in front", "DELETE", "/api/v1/auth/session", "DELETE", defaultEndpoint, exact},
		{"nothing rewritten", "DELETE", defaultEndpoint, "DELETE", defaultEndpoint, exact},
		{"rewritten away", "DELETE", defaultEndpoint, "DELETE", "/internal/logout", misspelt},
		{"a misspelling rewritten away", "DELETE", "//v1/auth/session", "DELETE", "/internal/logout", misspelt},
		{"prefix taken off the endpoint", "DELETE", defaultEndpoint, "DELETE", "/auth/session", misspelt},
		{"method rewritten", "DELETE", defaultEndpoint, "POST", "/internal/logout", misspelt},
		{"method rewritten, path not", "DELETE", "//v1/auth/session", "POST", "//v1/auth/session", misspelt},
		{"method rewritten to DELETE", "POST", "/logout", "DELETE", defaultEndpoint, exact},
		{"method rewritten to DELETE of a misspelling", "POST", "/logout", "DELETE", "/v1/auth/session/", misspelt},
		{"a GET rewritten away", "GET", defaultEndpoint, "GET", "/internal/session", elsewhere},
		{"a GET rewritten here", "GET", "/logout", "GET", defaultEndpoint, exact},
		{"elsewhere all along", "DELETE", "/a/1", "DELETE", "/1", elsewhere},
	} {
		r := rewritten(t, test.originalMethod, test.original, test.method, test.now)
		if got := e.of(r); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
	empty := context.WithValue(context.Background(), caddyhttp.OriginalRequestCtxKey, http.Request{Method: "DELETE"})
	r := (&http.Request{Method: http.MethodDelete, URL: target(t, defaultEndpoint)}).WithContext(empty)
	if got := e.of(r); got != exact {
		t.Errorf("an original request without a URL: %d, want exact", got)
	}
}

// The attack: %252525…, in as many levels as a header holds, decoded once a
// level, costs seconds of CPU (invariant 12).
func TestDecodingIsLinear(t *testing.T) {
	const levels = 1 << 17
	start := time.Now()
	if got := decodePercent("/%" + strings.Repeat("25", levels) + "41"); got != "/A" {
		t.Errorf("decoded to %d bytes that begin with %.10q", len(got), got)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("%d levels took %v", levels, took)
	}
}

// overlongForms turns each ASCII character in two, three or four bytes into one.
var overlongForms = func() *strings.Replacer {
	var pairs []string
	for c := range byte(0x80) {
		lead, last := c>>6, c&0x3f|0x80
		for _, form := range [][]byte{{0xc0 | lead, last}, {0xe0, 0x80 | lead, last}, {0xf0, 0x80, 0x80 | lead, last}} {
			pairs = append(pairs, string(form), string(rune(c)))
		}
	}
	return strings.NewReplacer(pairs...)
}()

// The attack: 16 KiB of slashes or dots in the path of a DELETE, each of which would
// be a segment of its own in memory (invariant 12).
func TestLongPathsAreReadInAFewCopies(t *testing.T) {
	const size, times = 16 << 10, 100
	for _, long := range []string{strings.Repeat("/", size), strings.Repeat("/..", size/3), strings.Repeat("/a;", size/3), strings.Repeat("/.", size/2)} {
		r := rewritten(t, http.MethodDelete, long, http.MethodDelete, long)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range times {
			endpoint(defaultEndpoint).of(r)
		}
		runtime.ReadMemStats(&after)
		if n := (after.TotalAlloc - before.TotalAlloc) / times; n > 6*size {
			t.Errorf("a path of %.9q takes %d bytes, want six times its %d at the most", long, n, size)
		}
	}
}

// decodeInPasses is the plain reading of what decodePercent computes.
func decodeInPasses(p string) string {
	for {
		var pass strings.Builder
		for i := 0; i < len(p); i++ {
			if i+2 < len(p) && p[i] == '%' {
				if octet, err := url.PathUnescape(p[i : i+3]); err == nil {
					pass.WriteString(octet)
					i += 2
					continue
				}
			}
			pass.WriteByte(p[i])
		}
		decoded := overlongForms.Replace(pass.String())
		if decoded == p {
			return p
		}
		p = decoded
	}
}

// What is decoded in one pass is what many passes make of it, and nothing is left.
func FuzzDecodePercent(f *testing.F) {
	for _, text := range append(misspellings, "%", "%%", "%2", "%%341", "%2%35%34%31", "%zz", "..", "/a/%00/../b", "%2%2525") {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		decoded := decodePercent(text)
		if want := decodeInPasses(text); decoded != want {
			t.Errorf("decodePercent(%q) = %q, in passes %q", text, decoded, want)
		}
		if again := decodePercent(decoded); again != decoded {
			t.Errorf("decodePercent(%q) = %q, and again %q", text, decoded, again)
		}
	})
}
