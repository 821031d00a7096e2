package caddymodule

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func mustOrigins(tb testing.TB, names ...string) origins {
	tb.Helper()
	o, err := newOrigins(names)
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
		if o, err := newOrigins([]string{name}); err != nil || !o.has(name) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestWhatIsAPreflight(t *testing.T) {
	for _, test := range []struct {
		method, origin, asked string
		want                  bool
	}{
		{"OPTIONS", "https://app.example.com", "DELETE", true},
		{"OPTIONS", "https://app.example.com", "", false},
		{"OPTIONS", "", "DELETE", false},
		// The attack: a request with a body and effect that passes as a question.
		{"POST", "https://app.example.com", "DELETE", false},
		{"GET", "https://app.example.com", "GET", false},
		{"DELETE", "https://app.example.com", "DELETE", false},
	} {
		r := fields(httptest.NewRequest(test.method, "/", nil), "Origin", test.origin, "Access-Control-Request-Method", test.asked)
		if got := isPreflight(r); got != test.want {
			t.Errorf("%+v: %t", test, got)
		}
	}
}

// Attack: what no browser asks, and an upstream serves as another method, or for
// its body.
func TestAPreflightHasNoContentAndNoOtherMethod(t *testing.T) {
	question := func(body string, namesAndValues ...string) *http.Request {
		var content io.Reader
		if body != "" {
			content = strings.NewReader(body)
		}
		return fields(fields(httptest.NewRequest("OPTIONS", "/", content), "Origin", "https://app.example.com",
			"Access-Control-Request-Method", "DELETE"), namesAndValues...)
	}
	if !isPreflight(question("", "X-Method", "GET", "X-Original-Url", "/x")) {
		t.Error("fields of other names count")
	}
	for _, name := range []string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"} {
		if isPreflight(question("", name, "GET")) {
			t.Errorf("%s: GET is a question", name)
		}
	}
	folded := question("")
	folded.Header["X_HTTP.Method_override"] = []string{""}
	if isPreflight(folded) {
		t.Error("an override in another spelling is a question")
	}
	if isPreflight(question("a=b")) {
		t.Error("a body of a known length is a question")
	}
	unknown := question("a=b")
	unknown.ContentLength = -1
	if isPreflight(unknown) {
		t.Error("a body of an unknown length is a question")
	}
	// HTTP/3 does not say whether there is one: it is asked without.
	unknown.ProtoMajor = 3
	answer := newGate(t, "HS256", Gate{}).serve(t, unknown)
	answer.want(t, http.StatusOK, "")
	if body, err := io.ReadAll(answer.upstream.Body); err != nil || len(body) > 0 || answer.upstream.ContentLength != 0 {
		t.Errorf("the upstream is asked with the body %q, of length %d, error %v", body, answer.upstream.ContentLength, err)
	}
}

// fields sets header fields by name and value; "" sets none.
func fields(r *http.Request, namesAndValues ...string) *http.Request {
	for pair := range slices.Chunk(namesAndValues, 2) {
		if pair[1] != "" {
			r.Header.Set(pair[0], pair[1])
		}
	}
	return r
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
		// The attacks: names that look allowed to a comparison of prefixes,
		// suffixes or letters.
		{"a longer host", allowed + ".evil.example", true, http.Header{"Vary": vary, "Cache-Control": {"no-store"}}},
		{"a host below", "https://evil.app.example.com", true, http.Header{"Vary": vary, "Cache-Control": {"no-store"}}},
		{"another port", allowed + ":8443", true, http.Header{"Vary": vary, "Cache-Control": {"no-store"}}},
		{"another scheme", "http://app.example.com", true, http.Header{"Vary": vary, "Cache-Control": {"no-store"}}},
		{"null", "null", true, http.Header{"Vary": vary, "Cache-Control": {"no-store"}}},
	} {
		w := httptest.NewRecorder()
		r := fields(httptest.NewRequest(http.MethodOptions, defaultEndpoint, nil), "Origin", test.origin, "Access-Control-Request-Method", "DELETE")
		if err := mustOrigins(t, allowed).preflight(w, r, http.MethodDelete, test.cookie); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if w.Code != http.StatusNoContent || w.Body.Len() != 0 {
			t.Errorf("%s: answered %d %q", test.name, w.Code, w.Body)
		}
		if !sameHeader(w.Header(), test.want) {
			t.Errorf("%s: header\n%v\nwant\n%v", test.name, w.Header(), test.want)
		}
	}
}

func sameHeader(got, want http.Header) bool {
	if len(got) != len(want) {
		return false
	}
	for name, values := range want {
		if !slices.Equal(got[name], values) {
			return false
		}
	}
	return true
}

// The attack: a page of another site sends the DELETE, and the browser adds the
// cookie (cross-site request forgery).
func TestWhoIsAForeignSite(t *testing.T) {
	const allowed, own, foreign = "https://app.example.com", "https://gate.example", "https://evil.example"
	o := mustOrigins(t, allowed)
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
		{"https://GATE.example", "", true, true}, // no browser writes it so
		{foreign, "", true, true},
		{foreign, "same-origin", true, false}, // a proxy in front has changed Host
		{foreign, "none", true, false},
		{foreign, "cross-site", true, true},
		{"https://gate.example.evil.example", "", true, true},
		{"https://sub.gate.example", "", true, true},
		{"https://gate.example:8443", "", true, true}, // another port
		{"http://gate.example", "", true, true},       // anybody on the wire
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
		r := fields(httptest.NewRequest(http.MethodDelete, "http://gate.example"+defaultEndpoint, nil), "Origin", test.origin, "Sec-Fetch-Site", test.site)
		if test.encrypted {
			r.TLS = new(tls.ConnectionState)
		}
		if got := o.fromForeignSite(r); got != test.want {
			t.Errorf("%+v: %t", test, got)
		}
	}
}

func TestAllowTellsWhoMayRead(t *testing.T) {
	o := mustOrigins(t, "https://app.example.com")
	for origin, allowed := range map[string]bool{"https://app.example.com": true, "https://evil.example": false, "": false} {
		w := httptest.NewRecorder()
		w.Header().Set("Vary", "Accept")
		r := fields(httptest.NewRequest(http.MethodDelete, defaultEndpoint, nil), "Origin", origin)
		if got := o.allow(w, r, false); got != allowed {
			t.Errorf("%q: %t", origin, got)
		}
		want := http.Header{"Vary": {"Accept", "Origin"}}
		if allowed {
			want.Set("Access-Control-Allow-Origin", origin)
		}
		if !sameHeader(w.Header(), want) {
			t.Errorf("%q: header %v, want %v", origin, w.Header(), want)
		}
	}
}
