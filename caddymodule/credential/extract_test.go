package credential_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

func request(fields ...string) *http.Request {
	r := &http.Request{Header: http.Header{}}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Add(fields[i], fields[i+1])
	}
	return r
}

func TestExtract(t *testing.T) {
	authorization := credential.NewExtractor(credential.Places{Header: "Authorization"})
	custom := credential.NewExtractor(credential.Places{Header: "x-access-token"})
	cookie := credential.NewExtractor(credential.Places{Cookie: "at"})
	both := credential.NewExtractor(credential.Places{Header: "authorization", Cookie: "at"})
	long := strings.Repeat("a", credential.MaxSize+1)
	tests := []struct {
		name      string
		extractor credential.Extractor
		request   *http.Request
		raw       string
		source    credential.Source
		err       error
	}{
		{"bearer", authorization, request("Authorization", "Bearer a.b.c"), "a.b.c", credential.SourceHeader, nil},
		{"scheme in other case", authorization, request("Authorization", "bEARER a.b.c"), "a.b.c", credential.SourceHeader, nil},
		{"several spaces", authorization, request("Authorization", " Bearer   a.b.c "), "a.b.c", credential.SourceHeader, nil},
		{"no header", authorization, request(), "", credential.SourceNone, credential.ErrMissing},
		{"empty value", authorization, request("Authorization", ""), "", credential.SourceNone, credential.ErrMissing},
		{"scheme alone", authorization, request("Authorization", "Bearer "), "", credential.SourceNone, credential.ErrMissing},
		{"another scheme", authorization, request("Authorization", "Basic YTpi"), "", credential.SourceNone, credential.ErrMissing},
		{"longer scheme", authorization, request("Authorization", "BearerX a.b.c"), "", credential.SourceNone, credential.ErrMissing},
		{"bare token in Authorization", authorization, request("Authorization", "a.b.c"), "", credential.SourceNone, credential.ErrMissing},
		{"tab after the scheme", authorization, request("Authorization", "Bearer\ta.b.c"), "", credential.SourceNone, credential.ErrMalformed},
		{"comma after the scheme", authorization, request("Authorization", "Bearer,a.b.c"), "", credential.SourceNone, credential.ErrMalformed},
		{"too long", authorization, request("Authorization", "Bearer "+long), "", credential.SourceNone, credential.ErrMalformed},
		{"longest", authorization, request("Authorization", "Bearer "+long[1:]), long[1:], credential.SourceHeader, nil},
		{"cookie not looked for", authorization, request("Cookie", "at=a.b.c"), "", credential.SourceNone, credential.ErrMissing},
		{"query not looked for", both, request("X", "y"), "", credential.SourceNone, credential.ErrMissing},

		{"bare token in another header", custom, request("X-Access-Token", "a.b.c"), "a.b.c", credential.SourceHeader, nil},
		{"bearer in another header", custom, request("X-Access-Token", "Bearer a.b.c"), "a.b.c", credential.SourceHeader, nil},
		{"Authorization not looked for", custom, request("Authorization", "Bearer a.b.c"), "", credential.SourceNone, credential.ErrMissing},

		{"cookie", cookie, request("Cookie", "x=1; at=a.b.c; y=at"), "a.b.c", credential.SourceCookie, nil},
		{"cookie without space", cookie, request("Cookie", "x=1;at=a.b.c"), "a.b.c", credential.SourceCookie, nil},
		{"quoted cookie", cookie, request("Cookie", `at="a.b.c"`), "a.b.c", credential.SourceCookie, nil},
		{"cookie in the second field", cookie, request("Cookie", "x=1", "Cookie", "at=a.b.c"), "a.b.c", credential.SourceCookie, nil},
		{"cookie after a logout", cookie, request("Cookie", "at="), "", credential.SourceNone, credential.ErrMissing},
		{"cookie of another case", cookie, request("Cookie", "AT=a.b.c"), "", credential.SourceNone, credential.ErrMissing},
		{"cookie of a longer name", cookie, request("Cookie", "xat=a.b.c; at2=a.b.c"), "", credential.SourceNone, credential.ErrMissing},
		{"name alone", cookie, request("Cookie", "at"), "", credential.SourceNone, credential.ErrMissing},
		{"header before an empty cookie", both, request("Authorization", "Bearer a.b.c", "Cookie", "at="), "a.b.c", credential.SourceHeader, nil},
		{"cookie beside another scheme", both, request("Authorization", "Basic YTpi", "Cookie", "at=a.b.c"), "a.b.c", credential.SourceCookie, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw, source, err := tt.extractor.Extract(tt.request)
			if raw != tt.raw || source != tt.source || !errors.Is(err, tt.err) {
				t.Errorf("Extract = %q, %s, %v, want %q, %s, %v", raw, source, err, tt.raw, tt.source, tt.err)
			}
		})
	}
}

// Attack: the gate checks one of two credentials and the application uses the other.
func TestExtractRefusesSeveralCredentials(t *testing.T) {
	e := credential.NewExtractor(credential.Places{Header: "Authorization", Cookie: "at"})
	for name, r := range map[string]*http.Request{
		"two fields":               request("Authorization", "Bearer a.b.c", "Authorization", "Bearer d.e.f"),
		"the same one twice":       request("Authorization", "Bearer a.b.c", "Authorization", "Bearer a.b.c"),
		"other scheme first":       request("Authorization", "Basic YTpi", "Authorization", "Bearer a.b.c"),
		"empty field first":        request("Authorization", "", "Authorization", "Bearer a.b.c"),
		"two cookies":              request("Cookie", "at=a.b.c; at=d.e.f"),
		"an empty cookie first":    request("Cookie", "at=; at=d.e.f"),
		"two cookie fields":        request("Cookie", "at=a.b.c", "Cookie", "at=d.e.f"),
		"space around the name":    request("Cookie", "at=a.b.c;\t at =d.e.f"),
		"header and cookie":        request("Authorization", "Bearer a.b.c", "Cookie", "at=a.b.c"),
		"broken header and cookie": request("Authorization", "Bearer,", "Cookie", "at=a.b.c"),
	} {
		t.Run(name, func(t *testing.T) {
			if raw, _, err := e.Extract(r); raw != "" || !errors.Is(err, credential.ErrSeveral) {
				t.Errorf("Extract = %q, %v, want ErrSeveral", raw, err)
			}
		})
	}
}

func TestExtractAllocatesNothing(t *testing.T) {
	e := credential.NewExtractor(credential.Places{Header: "Authorization", Cookie: "at"})
	for name, r := range map[string]*http.Request{
		"header": request("Authorization", "Bearer a.b.c", "Cookie", "x=1; y=2"),
		"cookie": request("Cookie", "x=1; at=a.b.c"),
	} {
		if n := testing.AllocsPerRun(100, func() { _, _, _ = e.Extract(r) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// Attack: an application that logs or forwards its requests leaks tokens that are still
// valid.
func TestStrip(t *testing.T) {
	e := credential.NewExtractor(credential.Places{Header: "authorization", Cookie: "at"})
	tests := []struct{ name, authorization, cookie, wantAuthorization, wantCookie string }{
		{"both", "Bearer a.b.c", "x=1; at=a.b.c; y=2", "", "x=1; y=2"},
		{"first cookie", "", "at=a.b.c; y=2", "", "y=2"},
		{"only cookie", "", "at=a.b.c", "", ""},
		{"twice", "", "at=1; x=\"a b\"; at=2;", "", "x=\"a b\";"},
		{"another scheme stays", "Basic YTpi", "x=1", "Basic YTpi", "x=1"},
		{"a broken one goes", "Bearer,a.b.c", "at =a.b.c", "", ""},
		{"strange bytes stay", "", "x; =;;y=at=1; at=2", "", "x; =;;y=at=1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := request()
			for name, value := range map[string]string{"Authorization": tt.authorization, "Cookie": tt.cookie} {
				if value != "" {
					r.Header.Set(name, value)
				}
			}
			e.Strip(r)
			if got := r.Header.Get("Authorization"); got != tt.wantAuthorization {
				t.Errorf("Authorization %q, want %q", got, tt.wantAuthorization)
			}
			if got := r.Header.Get("Cookie"); got != tt.wantCookie {
				t.Errorf("Cookie %q, want %q", got, tt.wantCookie)
			}
			if _, has := r.Header["Cookie"]; has != (tt.wantCookie != "") {
				t.Errorf("Cookie field there: %t", has)
			}
		})
	}
}

// The original request, which is logged, shares its slices with the stripped request.
func TestStripLeavesSharedSlicesAlone(t *testing.T) {
	r := request("Cookie", "at=a.b.c; x=1")
	shared := r.Header["Cookie"]
	e := credential.NewExtractor(credential.Places{Cookie: "at"})
	e.Strip(r)
	if shared[0] != "at=a.b.c; x=1" {
		t.Errorf("shared slice holds %q", shared[0])
	}
}
