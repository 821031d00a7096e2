package credential_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

// A browser that keeps the cookie of a revoked token shows its user a 401 on every page,
// also on the page where the user would log in again.
func TestTheCookieIsExpiredForEveryPathThatItMayHave(t *testing.T) {
	for name, test := range map[string]struct {
		cookie, path string
		secure       bool
		paths        []string
		attributes   string
	}{
		"the endpoint":            {"at", "/v1/auth/session", false, []string{"/", "/v1", "/v1/auth"}, "; Max-Age=0; HttpOnly; SameSite=Lax"},
		"over TLS":                {"at", "/session", true, []string{"/"}, "; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
		"a name for TLS alone":    {"__Secure-at", "/a/b", false, []string{"/", "/a"}, "; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
		"a name for / alone":      {"__Host-at", "/a/b", false, []string{"/"}, "; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
		"a name in small letters": {"__host-at", "/a/b", false, []string{"/"}, "; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
		"an escaped path":         {"at", "/a%20b/c", false, []string{"/", "/a%20b"}, "; Max-Age=0; HttpOnly; SameSite=Lax"},
		// Attack: a path with attributes in it.
		"a path with attributes": {"at", "/a;Domain=evil.example/b", false, []string{"/"}, "; Max-Age=0; HttpOnly; SameSite=Lax"},
		"a path with a blank":    {"at", "/a b/c", false, []string{"/"}, "; Max-Age=0; HttpOnly; SameSite=Lax"},
		"no path":                {"at", "", false, nil, ""},
		"no cookie":              {"", "/a/b", false, nil, ""},
	} {
		var want []string
		for _, path := range test.paths {
			want = append(want, test.cookie+"=; Path="+path+test.attributes)
		}
		header := make(http.Header)
		e := credential.NewExtractor(credential.Places{Header: "Authorization", Cookie: test.cookie})
		e.ExpireCookie(header, test.path, test.secure)
		if got := header["Set-Cookie"]; !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Attack: a path of thousands of segments makes an answer that no browser accepts.
func TestAnAnswerExpiresAFewCookiesOnly(t *testing.T) {
	header := make(http.Header)
	e := credential.NewExtractor(credential.Places{Cookie: "at"})
	e.ExpireCookie(header, strings.Repeat("/a", 1000), false)
	if got := len(header["Set-Cookie"]); got != 16 {
		t.Errorf("expired %d cookies, want 16", got)
	}
}
