package credential_test

import (
	"bufio"
	"errors"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

// readFields reads header fields as net/http's server does, and returns nil if it refuses
// them.
func readFields(fields string) *http.Request {
	lines := "GET / HTTP/1.1\r\nHost: gate\r\n" + strings.ReplaceAll(fields, "\n", "\r\n") + "\r\n\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(lines)))
	if err != nil {
		return nil
	}
	for _, values := range r.Header {
		for _, value := range values {
			if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
				return nil
			}
		}
	}
	return r
}

// bare removes from a credential the characters that readers remove.
func bare(credential string) string {
	credential = strings.Trim(credential, " \t\"")
	if len(credential) > 7 && strings.EqualFold(credential[:7], "Bearer ") {
		credential = strings.Trim(credential[7:], " ")
	}
	return credential
}

// Attack: a request has two credentials. The gate checks one, and the application uses the
// other.
//
//   - If the gate accepts a credential, no reader may find another one.
//   - The gate must find every credential that net/http finds.
//   - Strip must remove the credential, and leave other cookies unchanged.
func FuzzExtract(f *testing.F) {
	long := "a.b." + strings.Repeat("c", credential.MinTokenSize)
	for _, fields := range []string{
		"Authorization: Bearer a.b.c", "authorization: bearer  a.b.c \nCookie: x=1; at=", "Authorization: Basic YTpi\nCookie: at=a.b.c; y=\"a b\"",
		"Authorization: Bearer a.b.c\nAuthorization: Bearer d.e.f", "X-Access-Token: a.b.c\nX_Access_Token: d.e.f", "X-Access-Token: Bearer a.b.c\nx.access~token: d.e.f",
		"Cookie: at=a.b.c; at=d.e.f", "Cookie: at=\"a.b.c\"\nCookie: x=1;;at", "Cookie: \rat=a.b.c; access_token =d.e.f", "Cookie: =at; at=a=b",
		"Cookie: AT=a.b.c; at=d.e.f", "Cookie: access.token=a.b.c; access_token=d.e.f", "Cookie: %61ccess_token=a.b.c; access_token=d.e.f",
		"Cookie: x=1, at=" + long + "; at=d.e.f", "Cookie: x=1 access_token = " + long + "; access_token=d.e.f", "Authorization: Digest Bearer a.b.c\nCookie: at=d.e.f",
		"Cookie: x=\"\"at=" + long + "; at=d.e.f", "Cookie: x=[access_token=" + long + "; access_token=d.e.f", "Authorization: Basic a, bearer a.b.c\nCookie: at=d.e.f",
		"Cookie: at=a.b.c\nX-Access-Token: Bearer", "Cookie: access+token=a.b.c; access token=d.e.f; access[token=g.h.i", "Cookie: at\x85=a.b.c; at=d.e.f",
		"Cookie: at[]=a.b.c; at=d.e.f",
	} {
		f.Add(fields)
	}
	places := [][2]string{{"Authorization", "at"}, {"X-Access-Token", "access_token"}, {"", "at"}, {"", "access_token"}, {"X-Access-Token", ""}}
	f.Fuzz(func(t *testing.T, fields string) {
		for _, place := range places {
			r := readFields(fields)
			if r == nil {
				return
			}
			e := credential.NewExtractor(credential.Places{Header: place[0], Cookie: place[1]})
			raw, _, err := e.Extract(r)
			wantCounted(t, r, place, raw, err)
			wantStripped(t, r, &e, place, err)
		}
	})
}

func wantCounted(t *testing.T, r *http.Request, place [2]string, raw string, err error) {
	t.Helper()
	whole := r
	if place[0] == "Authorization" {
		// Another scheme is no credential there, except to readers that search the text.
		r = r.Clone(r.Context())
		r.Header["Authorization"] = slices.DeleteFunc(r.Header["Authorization"], func(value string) bool {
			return len(value) < 7 || !strings.EqualFold(value[:7], "Bearer ")
		})
	}
	for name, reader := range readers {
		read := r
		if name == "Laravel" {
			read = whole
		}
		for _, text := range reader(read, place[0], place[1]) {
			if text = bare(text); !tokenShape.MatchString(text) {
				continue
			}
			if err == nil && tokenShape.MatchString(raw) && raw != text {
				t.Errorf("%q: %q is accepted, and %s finds %q", place, raw, name, text)
			}
			if name == "net/http" && place[0] != "Authorization" && errors.Is(err, credential.ErrMissing) {
				t.Errorf("%q: none is found, and %s finds %q", place, name, text)
			}
		}
	}
	if found := len(r.CookiesNamed(place[1])); found > 1 && !errors.Is(err, credential.ErrSeveral) {
		t.Errorf("%q: net/http finds %d cookies, Extract says %v", place, found, err)
	}
}

func wantStripped(t *testing.T, r *http.Request, e *credential.Extractor, place [2]string, err error) {
	t.Helper()
	others := func() (cookies []*http.Cookie) {
		return slices.DeleteFunc(r.Cookies(), func(c *http.Cookie) bool { return c.Name == place[1] })
	}
	fields, cookies := maps.Clone(r.Header), others()
	e.Strip(r)
	// If there were several fields of another scheme, Strip leaves several.
	if raw, _, again := e.Extract(r); raw != "" || !errors.Is(again, credential.ErrMissing) && !errors.Is(err, credential.ErrSeveral) {
		t.Errorf("%q: after stripping, Extract finds %q, %v", place, raw, again)
	}
	for _, value := range r.Header[place[0]] {
		framed := len(value) > 7 && strings.EqualFold(value[:7], "Bearer ")
		if tokenShape.MatchString(bare(value)) && (framed || place[0] != "Authorization") {
			t.Errorf("%q: %q is left", place, value)
		}
	}
	if left := r.CookiesNamed(place[1]); len(left) > 0 {
		t.Errorf("%q: %d cookies are left", place, len(left))
	}
	if !reflect.DeepEqual(others(), cookies) {
		t.Errorf("%q: other cookies were %v and are %v", place, cookies, others())
	}
	for _, name := range []string{place[0], "Cookie"} {
		delete(fields, name)
		delete(r.Header, name)
	}
	if !reflect.DeepEqual(r.Header, http.Header(fields)) {
		t.Errorf("%q: other fields were changed, %v", place, err)
	}
}
