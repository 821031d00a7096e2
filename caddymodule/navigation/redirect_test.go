package navigation

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

const login = "https://id.example.com/login?next={uri}"

func mustRedirect(tb testing.TB, address string) *Redirect {
	tb.Helper()
	d, err := NewRedirect(address)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// location returns where a page is sent, or "" if it is not.
func location(tb testing.TB, d *Redirect, target string) string {
	tb.Helper()
	r := pageRequest(target, "Accept: "+browserAccept)
	w := httptest.NewRecorder()
	if !d.Serve(w, r, r.URL) {
		if len(w.Header()) > 0 || w.Body.Len() > 0 {
			tb.Errorf("%s: wrote %v %s and says that it did not", target, w.Header(), w.Body)
		}
		return ""
	}
	if w.Code != 302 || w.Header().Get("Cache-Control") != "no-store" || w.Body.Len() > 0 {
		tb.Errorf("%s: answered %d with %v %s", target, w.Code, w.Header(), w.Body)
	}
	return w.Header().Get("Location")
}

func TestAPageIsSentToTheLoginAndBack(t *testing.T) {
	for target, back := range map[string]string{
		"/": "/", "/orders": "/orders", "/orders?a=1&b=%20+%26": "/orders?a=1&b=%20+%26", "/a%2Fb/c%20d": "/a%2Fb/c%20d", "/%C3%A4": "/%C3%A4",
		"/orders?": "/orders", "/a//b": "/a//b", "/x?u=//evil.example": "/x?u=//evil.example", "/{uri}": "/%7Buri%7D", "/a?{uri}": "/a?{uri}",
		"/a;b": "/a;b", "/a%27%22%3C%3E": "/a%27%22%3C%3E", "/?a=%0d%0aSet-Cookie:x": "/?a=%0d%0aSet-Cookie:x",
	} {
		u := mustURL(t, location(t, mustRedirect(t, login), target))
		if u.Host != "id.example.com" || u.Path != "/login" || len(u.Query()) != 1 || u.Query().Get("next") != back {
			t.Errorf("%s: sent to %s, want one that leads back to %q", target, u, back)
		}
	}
	for address, want := range map[string]string{
		"https://id.example.com/logout":                    "https://id.example.com/logout",
		"http://127.0.0.1:8080/l?a=b&next={uri}&x={uri}#y": "http://127.0.0.1:8080/l?a=b&next=%2Fa%3Fb%3Dc&x=%2Fa%3Fb%3Dc#y",
		"https://app.example.com/#/login?next={uri}":       "https://app.example.com/#/login?next=%2Fa%3Fb%3Dc",
	} {
		if got := location(t, mustRedirect(t, address), "/a?b=c"); got != want {
			t.Errorf("%s: sent to %q, want %q", address, got, want)
		}
	}
}

func mustURL(tb testing.TB, text string) *url.URL {
	tb.Helper()
	u, err := url.Parse(text)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

// Attack: an open redirect. The login page leads to the address that it was given, and a
// browser reads that address as one of another host.
func TestNoReturnAddressLeadsToAnotherHost(t *testing.T) {
	for _, path := range []string{
		"//evil.example", "///evil.example", "/\\evil.example", "/\\/evil.example", "/\t/evil.example", "/\n/evil.example", "/\r\\evil.example",
		"/a\x00b", "/a\x7f", "/a\u0085b", "/%2fevil.example", "/%5Cevil.example", "/%252Fevil.example", "/%09/evil.example", "", "evil.example", "*",
	} {
		u := &url.URL{Path: path, RawQuery: "a=b"}
		for _, sent := range []*url.URL{u, {Path: path, RawPath: u.EscapedPath()}} {
			if uri, ok := returnAddress(sent); ok {
				t.Errorf("%q leads back to %q", path, uri)
			}
		}
	}
	for _, target := range []string{
		"//evil.example/", "/%2Fevil.example", "/%2f/evil.example", "/%5cevil.example", "/%5C%5Cevil.example", "/%09/evil.example", "/%0a/evil.example",
		"/%252fevil.example", "/%255cevil.example", "/%25252fevil.example", "/a%0d%0aLocation:x", "/%00", "http://app.example.com//evil.example",
	} {
		if got := location(t, mustRedirect(t, login), target); got != "" {
			t.Errorf("%s is sent to %s", target, got)
		}
	}
}

// A login page behind the same gate, which is not public: each redirect would lead to the next.
func TestThePageItselfIsNotSentToItself(t *testing.T) {
	own := mustRedirect(t, "http://App.example.com/login?next={uri}")
	if got := location(t, own, "http://app.example.com/login?next=%2F"); got != "" {
		t.Errorf("the login page is sent to %s", got)
	}
	for _, target := range []string{"http://app.example.com/login/x", "http://other.example.com/login"} {
		if location(t, own, target) == "" {
			t.Errorf("%s is not sent to the login page", target)
		}
	}
}

// An address with the port of its scheme, which browsers leave out, or without a path: the page
// there would be sent to itself, each time with a longer address.
func TestAnotherSpellingOfThePageMakesNoLoop(t *testing.T) {
	for _, same := range [][2]string{
		{"https://app.example.com:443/login?next={uri}", "https://app.example.com/login"},
		{"http://app.example.com:80/login?next={uri}", "http://APP.example.com/login"},
		{"https://app.example.com/login?next={uri}", "https://app.example.com:443/login"},
		{"https://app.example.com?next={uri}", "https://app.example.com/"},
	} {
		if got := location(t, mustRedirect(t, same[0]), same[1]); got != "" {
			t.Errorf("with %s, %s is sent to %s", same[0], same[1], got)
		}
	}
	if location(t, mustRedirect(t, "https://app.example.com:8443/login"), "https://app.example.com/login") == "" {
		t.Error("a page on another port is not sent to the login page")
	}
}

// Attack: read the password in the address that every visitor is sent to.
func TestAnAddressWithAPasswordIsRefused(t *testing.T) {
	_, err := NewRedirect("https://gate:s3cret@id.example.com/login")
	if err == nil || !strings.Contains(err.Error(), "holds a user or a password") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the error is %v", err)
	}
}

func TestOtherRequestsAreNotRedirected(t *testing.T) {
	w, r := httptest.NewRecorder(), pageRequest("/", "Accept: application/json")
	if mustRedirect(t, login).Serve(w, r, r.URL) || len(w.Header()) > 0 {
		t.Errorf("answered %d with %v", w.Code, w.Header())
	}
}

func TestAddressesThatAreRefused(t *testing.T) {
	for address, want := range map[string]string{
		"": "is not an http or https URL", "/login": "is not an http or https URL", "id.example.com/login": "is not an http or https URL",
		"//id.example.com/login": "is not an http or https URL", "ftp://id.example.com": "is not an http or https URL",
		"javascript:alert(1)": "is not an http or https URL", "https://": "is not an http or https URL", "https:///login": "is not an http or https URL",
		"https://:443/login": "is not an http or https URL", "https:id.example.com": "is not an http or https URL", "https://a b/": "is not an http or https URL",
		"https://a.example/\r\nX: y": "is not an http or https URL", "https://a.example/a b": "characters that a URL has to encode",
		"https://a.example/ä": "characters that a URL has to encode", "https://a.example/?a={host}": "characters that a URL has to encode",
		"https://a.example/{uri}": "outside its query", "https://a.example{uri}": "outside its query", "https://{uri}/?a={uri}": "is not an http or https URL",
		"{uri}": "is not an http or https URL",
	} {
		if _, err := NewRedirect(address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", address, err, want)
		}
	}
}
