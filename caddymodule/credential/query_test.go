package credential_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

// inQuery looks for a token in the query, in Authorization, and in a cookie.
var inQuery = credential.Places{Header: "Authorization", Cookie: "at", Query: "access_token"}

func TestATokenInTheQueryIsFoundAndTaken(t *testing.T) {
	for query, want := range map[string]struct {
		raw, rest string
		err       error
	}{
		"access_token=a.b.c":                           {"a.b.c", "", nil},
		"x=1&access_token=a.b.c&y=%20;&&z":             {"a.b.c", "x=1&y=%20;&&z", nil},
		"access_token=a.b.c&next=%2F%3Faccess_token=1": {"a.b.c", "next=%2F%3Faccess_token=1", nil},
		"access_token=a.b.c&access_tokens=1&token=2":   {"a.b.c", "access_tokens=1&token=2", nil},
		"access_token=a.b.c&x[access_token]=1":         {"a.b.c", "x[access_token]=1", nil},
		"access_token=a.b%2Ec":                         {"a.b%2Ec", "", nil}, // the verifier refuses it
		"":                                             {"", "", credential.ErrMissing},
		"access_token=":                                {"", "", credential.ErrMissing},
		"access_token":                                 {"", "", credential.ErrMissing},
		"access_token=a.b.c&access_token=":             {"", "", credential.ErrSeveral},
		"access_token=a.b.c&access_token=a.b.c":        {"", "", credential.ErrSeveral},
	} {
		r := httptest.NewRequest("GET", "/a%2fb?"+query, nil)
		e := credential.NewExtractor(inQuery)
		raw, source, err := e.Extract(r)
		if raw != want.raw || !errors.Is(err, want.err) || err == nil && source != credential.SourceQuery {
			t.Errorf("%q: Extract = %q from %v, %v, want %q, %v", query, raw, source, err, want.raw, want.err)
		}
		if e.TakeQuery(r); want.err == nil && (r.URL.RawQuery != want.rest || r.RequestURI != strings.TrimSuffix("/a%2fb?"+want.rest, "?")) {
			t.Errorf("%q: the query is now %q, and the request %q", query, r.URL.RawQuery, r.RequestURI)
		}
	}
}

// Attack: beside the valid token, the query carries a revoked one under a name that only some
// readers take for the token's. Or a path for readers that take the first parameter for one.
func TestAHiddenTokenInTheQueryIsRefused(t *testing.T) {
	for _, hidden := range []string{
		"ACCESS_TOKEN=d.e.f", "%61ccess_token=d.e.f", "access%5Ftoken=d.e.f", "access.token=d.e.f", "access+token=d.e.f", "access%20token=d.e.f",
		"access_token[]=d.e.f", "access_token%5B0%5D=d.e.f", "+access_token=d.e.f", "%00access_token=d.e.f", "access_token%00x=d.e.f",
		"%u0061ccess_token=d.e.f", "x=1;access_token=d.e.f", "x;ACCESS_TOKEN=d.e.f;y", ";access_token=d.e.f", "/v1/auth/session",
	} {
		for _, query := range []string{"access_token=a.b.c&" + hidden, hidden + "&access_token=a.b.c"} {
			if hidden[0] == '/' && strings.HasPrefix(query, hidden) {
				continue // the upstream sees what the gate has judged
			}
			e := credential.NewExtractor(inQuery)
			if raw, _, err := e.Extract(httptest.NewRequest("GET", "/?"+query, nil)); raw != "" || !errors.Is(err, credential.ErrSeveral) {
				t.Errorf("%q: Extract = %q, %v, want ErrSeveral", query, raw, err)
			}
		}
		for optional, want := range map[bool]error{false: credential.ErrMissing, true: credential.ErrSeveral} {
			places := inQuery
			places.Optional = optional
			e := credential.NewExtractor(places)
			if _, _, err := e.Extract(httptest.NewRequest("GET", "/?"+hidden, nil)); !errors.Is(err, want) && hidden[0] != '/' {
				t.Errorf("%q alone, optional %t: %v, want %v", hidden, optional, err, want)
			}
		}
	}
}

// Attack: a valid token in one place, and a revoked one in the query, or the other way round.
func TestATokenInTheQueryStandsAlone(t *testing.T) {
	for _, fields := range [][]string{
		{"Authorization", "Bearer d.e.f"}, {"Cookie", "at=d.e.f"}, {"Cookie", "AT=d.e.f"}, {"Authorization", "Basic x, Bearer d.e.f"},
	} {
		r := request(fields...)
		r.URL = &url.URL{Path: "/", RawQuery: "access_token=a.b.c"}
		e := credential.NewExtractor(inQuery)
		if raw, source, err := e.Extract(r); raw != "" || source != credential.SourceNone || !errors.Is(err, credential.ErrSeveral) {
			t.Errorf("%q: Extract = %q, %v, want ErrSeveral", fields, raw, err)
		}
	}
	// A query is not looked at, unless it is configured.
	r := request("Authorization", "Bearer a.b.c")
	r.URL = &url.URL{Path: "/", RawQuery: "access_token=d.e.f"}
	e := credential.NewExtractor(credential.Places{Header: "Authorization"})
	if raw, _, err := e.Extract(r); raw != "a.b.c" || err != nil {
		t.Errorf("Extract = %q, %v", raw, err)
	}
}

// Attack: the gate checks the token in the request line. A trusted proxy names the address
// that the client asked for, with another token, and the application reads that one.
func TestAnAddressInAFieldHoldsNoOtherToken(t *testing.T) {
	isURL := func(name string) bool { return name == "X-Original-Url" }
	for value, agrees := range map[string]bool{
		"/a": true, "/a?x=1": true, "/a?access_token=a.b.c": true, "/a?access_token=": true, "/a?access_token=d.e.f": false,
		"/a?ACCESS_TOKEN=a.b.c": false, "/a?access_token=a.b.c&access_token=a.b.c": false, "https://a.example/?x&access_token=d.e.f": false,
	} {
		r := request("X-Original-URL", value, "X-Other", "/?access_token=z")
		r.URL = &url.URL{Path: "/", RawQuery: "access_token=a.b.c"}
		e := credential.NewExtractor(inQuery)
		if got := e.Agrees(r, isURL); got != agrees {
			t.Errorf("%q agrees: %t, want %t", value, got, agrees)
		}
		another := &url.URL{Path: "/b", RawQuery: "y=2&access_token=a.b.c"}
		e.TakeNamed(r, another, isURL)
		if got := r.Header.Get("X-Original-URL"); agrees && strings.Contains(got, "access_token") || got == "" {
			t.Errorf("%q became %q", value, got)
		}
		if another.RawQuery != "y=2" || r.Header.Get("X-Other") != "/?access_token=z" {
			t.Errorf("another URL became %q, another field %q", another, r.Header.Get("X-Other"))
		}
	}
}

// An ordinary request must not cost more because its query may hold a token.
func TestFindingATokenInTheQueryAllocatesNothing(t *testing.T) {
	e := credential.NewExtractor(inQuery)
	r := httptest.NewRequest("GET", "/?page=2&sort=name&access_token="+strings.Repeat("a", 400)+"&q=a%20b", nil)
	if n := testing.AllocsPerRun(100, func() {
		if _, _, err := e.Extract(r); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAnOrdinaryRefererStaysWithoutAnAllocation(t *testing.T) {
	e := credential.NewExtractor(inQuery)
	header := http.Header{"Referer": {"https://app.example.com/orders?page=2"}}
	if n := testing.AllocsPerRun(100, func() { e.TakeReferer(header) }); n > 0 || header.Get("Referer") != "https://app.example.com/orders?page=2" {
		t.Errorf("%v allocations, and %v", n, header)
	}
}
