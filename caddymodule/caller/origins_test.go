package caller_test

import (
	"crypto/tls"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/caller"
	"github.com/sessiongate/sessiongate/caddymodule/caller/callertest"
	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

const sessionPath = "/v1/auth/session"

func mustOrigins(tb testing.TB, credentials bool, names ...string) caller.Origins {
	tb.Helper()
	o, err := caller.NewOrigins(names, credentials)
	if err != nil {
		tb.Fatal(err)
	}
	return o
}

func TestOriginsAreAcceptedAsBrowsersWriteThem(t *testing.T) {
	for _, name := range []string{
		"https://app.example.com", "http://localhost:5173", "https://app.example.com:8443", "http://127.0.0.1", "https://[::1]:8443",
		"https://xn--bcher-kva.example", "http://app.example.com:443", "https://app.example.com:80",
	} {
		w := httptest.NewRecorder()
		mustOrigins(t, false, name).Allow(w, callertest.Fields(httptest.NewRequest(http.MethodDelete, sessionPath, nil), "Origin", name))
		if got := w.Header().Get("Access-Control-Allow-Origin"); got != name {
			t.Errorf("%s: the answer may be read by %q", name, got)
		}
	}
}

func TestPreflightAnswers(t *testing.T) {
	const allowed = "https://app.example.com"
	vary := []string{"Access-Control-Request-Method", "Access-Control-Request-Headers", "Origin"}
	for _, test := range []struct {
		name, origin string
		cookie       bool
		want         http.Header
	}{
		{"an allowed origin", allowed, false, http.Header{
			"Vary": vary, "Cache-Control": {"no-store"}, "Access-Control-Allow-Origin": {allowed}, "Access-Control-Allow-Methods": {"DELETE"},
			"Access-Control-Allow-Headers": {"Authorization, Content-Type"}, "Access-Control-Max-Age": {"600"},
		}},
		{"an allowed origin, tokens in cookies", allowed, true, http.Header{
			"Vary": vary, "Cache-Control": {"no-store"}, "Access-Control-Allow-Origin": {allowed}, "Access-Control-Allow-Methods": {"DELETE"},
			"Access-Control-Allow-Headers": {"Authorization, Content-Type"}, "Access-Control-Max-Age": {"600"},
			"Access-Control-Allow-Credentials": {"true"},
		}},
		{"another origin", "https://evil.example", true, http.Header{"Vary": vary, "Cache-Control": {"no-store"}}},
		// Attacks: names that pass a comparison of prefixes, suffixes or letters.
		{"a longer host", allowed + ".evil.example", true, http.Header{"Vary": vary, "Cache-Control": {"no-store"}}},
		{"a host below", "https://evil.app.example.com", true, http.Header{"Vary": vary, "Cache-Control": {"no-store"}}},
		{"another port", allowed + ":8443", true, http.Header{"Vary": vary, "Cache-Control": {"no-store"}}},
		{"another scheme", "http://app.example.com", true, http.Header{"Vary": vary, "Cache-Control": {"no-store"}}},
		{"null", "null", true, http.Header{"Vary": vary, "Cache-Control": {"no-store"}}},
	} {
		w := httptest.NewRecorder()
		r := callertest.Fields(httptest.NewRequest(http.MethodOptions, sessionPath, nil), "Origin", test.origin, "Access-Control-Request-Method", "DELETE")
		if err := mustOrigins(t, test.cookie, allowed).Preflight(w, r, http.MethodDelete); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if w.Code != http.StatusNoContent || w.Body.Len() != 0 {
			t.Errorf("%s: answered %d %q", test.name, w.Code, w.Body)
		}
		if !maps.EqualFunc(w.Header(), test.want, slices.Equal) {
			t.Errorf("%s: header\n%v\nwant\n%v", test.name, w.Header(), test.want)
		}
	}
}

// Attack: a page of another site sends the DELETE, and the browser adds the cookie
// (cross-site request forgery).
func TestRequestsOfOtherSitesAreRefused(t *testing.T) {
	const allowed, own, foreign = "https://app.example.com", "https://gate.example", "https://evil.example"
	o := mustOrigins(t, true, allowed)
	for _, test := range []struct {
		origin, site string
		encrypted    bool
		want         bool
	}{
		{"", "", true, false}, // no browser, or an old one on this site
		{"", "same-origin", true, false},
		{"", "none", true, false}, // typed by the user
		{"", "same-site", true, true},
		{"", "cross-site", true, true},
		{"", "cross-origin", true, true}, // unknown words are refused
		{own, "", true, false},
		{own, "same-origin", true, false},
		{own, "same-site", true, true},
		{own, "cross-site", true, true},
		{"https://GATE.example", "", true, true}, // no browser writes an origin like this
		{foreign, "", true, true},
		{foreign, "same-origin", true, false}, // a proxy in front has changed Host
		{foreign, "none", true, false},
		{foreign, "cross-site", true, true},
		{"https://gate.example.evil.example", "", true, true},
		{"https://sub.gate.example", "", true, true},
		{"https://gate.example:8443", "", true, true}, // another port
		{"http://gate.example", "", true, true},       // an attacker on the network path
		{"http://gate.example", "", false, false},     // TLS, if any, ends before this gate
		{own, "", false, false},
		{"null", "", true, true}, // sandboxed frames, data URLs, redirects
		{"null", "same-origin", true, false},
		{"http://gate.example", "same-origin", true, false},
		{foreign, "Same-Origin", true, true},
		{"gate.example", "", true, true},
		{"https://", "", true, true},
		{"%zz", "", true, true},
		{allowed, "", true, false},
		{allowed, "same-site", true, false},
		{allowed, "cross-site", true, false},
	} {
		r := callertest.Fields(httptest.NewRequest(http.MethodDelete, "http://gate.example"+sessionPath, nil), "Origin", test.origin, "Sec-Fetch-Site", test.site)
		if test.encrypted {
			r.TLS = new(tls.ConnectionState)
		}
		if deny := o.CheckSite(r, credential.SourceCookie); (deny != nil) != test.want || deny != nil && deny.Status != http.StatusForbidden {
			t.Errorf("%+v: %s", test, callertest.Written(deny))
		}
		// No browser adds a header by itself.
		for _, source := range []credential.Source{credential.SourceHeader, credential.SourceNone} {
			if deny := o.CheckSite(r, source); deny != nil {
				t.Errorf("%+v, token in a header: %s", test, callertest.Written(deny))
			}
		}
	}
}

// A browser shows a page no field of an answer from elsewhere but a few, unless the answer
// names it. A page has to learn what ended, when to try again, and why it was refused.
func TestAllowNamesTheOriginThatMayRead(t *testing.T) {
	o := mustOrigins(t, false, "https://app.example.com")
	for origin, allowed := range map[string]bool{"https://app.example.com": true, "https://evil.example": false, "": false} {
		w := httptest.NewRecorder()
		w.Header().Set("Vary", "Accept")
		r := callertest.Fields(httptest.NewRequest(http.MethodDelete, sessionPath, nil), "Origin", origin)
		o.Allow(w, r)
		want := http.Header{"Vary": {"Accept", "Origin"}}
		if allowed {
			want.Set("Access-Control-Allow-Origin", origin)
			want.Set("Access-Control-Expose-Headers", "Retry-After, Session-Gate-Ended, WWW-Authenticate")
		}
		if !maps.EqualFunc(w.Header(), want, slices.Equal) {
			t.Errorf("%q: header %v, want %v", origin, w.Header(), want)
		}
	}
}

// Without allowed origins all answers are the same, and caches need not distinguish them.
func TestWithoutOriginsNothingIsAllowed(t *testing.T) {
	w := httptest.NewRecorder()
	mustOrigins(t, true).Allow(w, callertest.Fields(httptest.NewRequest(http.MethodDelete, sessionPath, nil), "Origin", "https://app.example.com"))
	if len(w.Header()) > 0 {
		t.Errorf("the answer has %v", w.Header())
	}
}
