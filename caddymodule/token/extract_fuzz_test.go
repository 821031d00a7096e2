package token_test

import (
	"bufio"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// readFields reads header fields as net/http's server does, and nil if it
// refuses them.
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

// The readers are how applications, and what they are built of, find a
// credential. Each returns all that it could take.
var readers = map[string]func(r *http.Request, header, cookie string) []string{
	"net/http": func(r *http.Request, header, cookie string) (found []string) {
		if header != "" {
			found = r.Header.Values(header)
		}
		for _, c := range r.CookiesNamed(cookie) {
			found = append(found, c.Value)
		}
		return found
	},
	// $_SERVER['HTTP_X_ACCESS_TOKEN'] and environ['HTTP_X_ACCESS_TOKEN'].
	"CGI": func(r *http.Request, header, _ string) (found []string) {
		variable := func(name string) string { return notAlphanumeric.ReplaceAllString(strings.ToUpper(name), "_") }
		for name, values := range r.Header {
			if variable(name) == variable(header) {
				found = append(found, values...)
			}
		}
		return found
	},
	// Names of cookies without regard to case.
	"ASP.NET": func(r *http.Request, _, cookie string) (found []string) {
		for _, c := range r.Cookies() {
			if strings.EqualFold(c.Name, cookie) {
				found = append(found, c.Value)
			}
		}
		return found
	},
	// Names decoded, and then made names of variables.
	"PHP": func(r *http.Request, _, cookie string) (found []string) {
		for pair := range strings.SplitSeq(strings.Join(r.Header["Cookie"], ";"), ";") {
			name, value, _ := strings.Cut(pair, "=")
			for _, name := range []string{name, unescaped(name)} {
				if name = strings.TrimSpace(name); phpName.Replace(name) == cookie {
					found = append(found, value)
				}
			}
		}
		return found
	},
	// http.cookies of Python, and readers of RFC 2965.
	"blanks and commas": func(r *http.Request, _, cookie string) (found []string) {
		for _, field := range r.Header["Cookie"] {
			for _, match := range anyCookie.FindAllStringSubmatch(latin1(field), -1) {
				if match[1] == cookie {
					found = append(found, match[2])
				}
			}
		}
		return found
	},
}

var (
	notAlphanumeric = regexp.MustCompile(`[^A-Z0-9]`)
	anyCookie       = regexp.MustCompile(`(?:^|[\s,;\x{85}\x{a0}])([^\s,;=\x{85}\x{a0}]+)[\s\x{85}\x{a0}]*=[\s\x{85}\x{a0}]*("[^"]*"|[^\s,;]*)`)
	phpName         = strings.NewReplacer(".", "_", " ", "_", "[", "_")
	tokenShape      = regexp.MustCompile(`^[\w-]+\.[\w-]+\.[\w-]+$`)
)

func unescaped(name string) string {
	name, _ = url.QueryUnescape(name)
	return name
}

// latin1 is what those make of a field who decode it so.
func latin1(field string) string {
	runes := make([]rune, len(field))
	for i := range len(field) {
		runes[i] = rune(field[i])
	}
	return string(runes)
}

// bare is a credential without what a reader takes off it.
func bare(credential string) string {
	credential = strings.Trim(credential, " \t\"")
	if len(credential) > 7 && strings.EqualFold(credential[:7], "Bearer ") {
		credential = strings.Trim(credential[7:], " ")
	}
	return credential
}

// The attack: two credentials, of which the gate judges one and the application
// uses the other. Whatever the gate accepts is the only credential for every
// reader; what net/http finds is never overlooked; and what is stripped is gone,
// while other cookies stay as they are.
func FuzzExtract(f *testing.F) {
	for _, fields := range []string{
		"Authorization: Bearer a.b.c", "authorization: bearer  a.b.c \nCookie: x=1; at=", "Authorization: Basic YTpi\nCookie: at=a.b.c; y=\"a b\"",
		"Authorization: Bearer a.b.c\nAuthorization: Bearer d.e.f", "X-Access-Token: a.b.c\nX_Access_Token: d.e.f", "X-Access-Token: Bearer a.b.c\nx.access~token: d.e.f",
		"Cookie: at=a.b.c; at=d.e.f", "Cookie: at=\"a.b.c\"\nCookie: x=1;;at", "Cookie: \rat=a.b.c; access_token =d.e.f", "Cookie: =at; at=a=b",
		"Cookie: AT=a.b.c; at=d.e.f", "Cookie: access.token=a.b.c; access_token=d.e.f", "Cookie: %61ccess_token=a.b.c; access_token=d.e.f",
		"Cookie: x=1, at=a.b.c; at=d.e.f", "Cookie: x=1 access_token = a.b.c; access_token=d.e.f", "Authorization: Digest Bearer a.b.c\nCookie: at=d.e.f",
		"Cookie: at=a.b.c\nX-Access-Token: Bearer", "Cookie: access+token=a.b.c; access token=d.e.f; access[token=g.h.i", "Cookie: x=1\x85at=a.b.c; at=d.e.f",
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
			e := token.NewExtractor(place[0], place[1])
			raw, _, err := e.Extract(r)
			wantCounted(t, r, place, raw, err)
			wantStripped(t, r, &e, place, err)
		}
	})
}

func wantCounted(t *testing.T, r *http.Request, place [2]string, raw string, err error) {
	t.Helper()
	if place[0] == "Authorization" {
		// Another scheme is no credential there, whatever follows it.
		r = r.Clone(r.Context())
		r.Header["Authorization"] = slices.DeleteFunc(r.Header["Authorization"], func(value string) bool {
			return len(value) < 7 || !strings.EqualFold(value[:7], "Bearer ")
		})
	}
	for name, reader := range readers {
		for _, credential := range reader(r, place[0], place[1]) {
			if credential = bare(credential); !tokenShape.MatchString(credential) {
				continue
			}
			if err == nil && tokenShape.MatchString(raw) && raw != credential {
				t.Errorf("%q: %q is accepted, and %s finds %q", place, raw, name, credential)
			}
			if name == "net/http" && place[0] != "Authorization" && errors.Is(err, token.ErrMissing) {
				t.Errorf("%q: none is found, and %s finds %q", place, name, credential)
			}
		}
	}
	if found := len(r.CookiesNamed(place[1])); found > 1 && !errors.Is(err, token.ErrSeveral) {
		t.Errorf("%q: net/http finds %d cookies, Extract says %v", place, found, err)
	}
}

func wantStripped(t *testing.T, r *http.Request, e *token.Extractor, place [2]string, err error) {
	t.Helper()
	others := func() (cookies []*http.Cookie) {
		return slices.DeleteFunc(r.Cookies(), func(c *http.Cookie) bool { return c.Name == place[1] })
	}
	fields, cookies := maps.Clone(r.Header), others()
	e.Strip(r)
	// Several fields of another scheme are several after it, too.
	if raw, _, again := e.Extract(r); raw != "" || !errors.Is(again, token.ErrMissing) && !errors.Is(err, token.ErrSeveral) {
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
