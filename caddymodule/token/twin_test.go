package token_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// The attack: beside a good credential, which the gate judges, the request
// carries a revoked one under a name or in a place where the gate sees none and
// the application behind it does.
func TestExtractRefusesACredentialThatOnlyOthersSee(t *testing.T) {
	const good = "a.b.c"
	for name, test := range map[string]struct {
		header, cookie string
		fields         []string
	}{
		"an underscore, to CGI":                {"X-Access-Token", "", []string{"X-Access-Token", good, "X_Access_Token", "d.e.f"}},
		"a dot, to CGI":                        {"X-Access-Token", "", []string{"X-Access-Token", good, "x.access.token", "d.e.f"}},
		"a tilde, to lighttpd":                 {"X-Access-Token", "", []string{"X-Access-Token", good, "X~Access-Token", "d.e.f"}},
		"an underscore beside a cookie":        {"X-Access-Token", "at", []string{"Cookie", "at=" + good, "X_Access_Token", "d.e.f"}},
		"other letters of a cookie, to ASP":    {"", "at", []string{"Cookie", "AT=d.e.f; at=" + good}},
		"other letters beside a header":        {"Authorization", "at", []string{"Authorization", "Bearer " + good, "Cookie", "At=d.e.f"}},
		"a dot in a cookie's name, to PHP":     {"", "access_token", []string{"Cookie", "access.token=d.e.f; access_token=" + good}},
		"a blank in a cookie's name, to PHP":   {"", "access_token", []string{"Cookie", "access token=d.e.f; access_token=" + good}},
		"a bracket in a cookie's name, to PHP": {"", "access_token", []string{"Cookie", "access[token=d.e.f; access_token=" + good}},
		"an encoded name, to CGI.pm":           {"", "at", []string{"Cookie", "%61%54=d.e.f; at=" + good}},
		"an encoded blank, to CGI.pm":          {"", "access_token", []string{"Cookie", "access%20token=d.e.f; access_token=" + good}},
		"a plus in a name, to CGI.pm":          {"", "access_token", []string{"Cookie", "access+token=d.e.f; access_token=" + good}},
		"an encoded blank before a name":       {"", "at", []string{"Cookie", "%20+at=d.e.f; at=" + good}},
		"a plus behind a name":                 {"", "at", []string{"Cookie", "at+=d.e.f; at=" + good}},
		"a comma, to readers of RFC 2965":      {"", "at", []string{"Cookie", "$Version=1, at=d.e.f; at=" + good}},
		"a blank, to Python":                   {"", "at", []string{"Cookie", "x=1 at = d.e.f; at=" + good}},
		"a blank of Latin-1, to Python":        {"", "at", []string{"Cookie", "x=1\xa0at=d.e.f; at=" + good}},
		"in the second of two fields":          {"", "at", []string{"Cookie", "at=" + good, "Cookie", "x=1,at=d.e.f"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := token.NewExtractor(test.header, test.cookie)
			if raw, _, err := e.Extract(request(test.fields...)); raw != "" || !errors.Is(err, token.ErrSeveral) {
				t.Errorf("Extract = %q, %v, want ErrSeveral", raw, err)
			}
		})
	}
}

// What only resembles the names is nobody's business, and what others see alone
// lets nobody in.
func TestExtractMindsNothingElse(t *testing.T) {
	for cookie, want := range map[string]error{
		"at=a.b.c; bat=1; at2=2; a_t=3; x=at; y=%61; z=a=t": nil,
		"x=at at; y=;at=a.b.c":                              nil,
		"AT=a.b.c":                                          token.ErrMissing,
		"x=1, at=a.b.c":                                     token.ErrMissing,
		"x=1;%61t=a.b.c":                                    token.ErrMissing,
	} {
		e := token.NewExtractor("", "at")
		if raw, _, err := e.Extract(request("Cookie", cookie)); !errors.Is(err, want) || want == nil && raw != "a.b.c" {
			t.Errorf("%q: Extract = %q, %v, want %v", cookie, raw, err, want)
		}
	}
	e := token.NewExtractor("Authorization", "at")
	for _, other := range []string{"Basic YTpi", "JWT d.e.f", "d.e.f", "Digest realm=\"a.b.c\", uri=\"/d.e.f\"", "Negotiate YII=", "a.b", ""} {
		if raw, _, err := e.Extract(request("Cookie", "at=a.b.c", "Authorization", other)); raw != "a.b.c" || err != nil {
			t.Errorf("beside %q: Extract = %q, %v", other, raw, err)
		}
	}
	e = token.NewExtractor("X-Access-Token", "")
	r := request("X-Access-Token", "a.b.c", "X-Access-Tokens", "x", "X-Access", "y", "Xaccesstoken", "z", "Authorization", "Bearer d.e.f")
	if raw, _, err := e.Extract(r); raw != "a.b.c" || err != nil {
		t.Errorf("Extract = %q, %v", raw, err)
	}
}

// The attack: beside a cookie that nobody signed, a field whose every equals sign
// has the gate read all of the pair before it anew: `d=d=d=`. At this length that
// takes an hour, which no test is given.
func TestExtractReadsALongFieldOnce(t *testing.T) {
	const size = 4 << 20
	e := token.NewExtractor("", "sid")
	for name, field := range map[string]string{
		"letters":           strings.Repeat("d=", size/2),
		"pluses":            strings.Repeat("+=", size/2),
		"escapes":           strings.Repeat("%64=", size/4),
		"pluses, letters":   strings.Repeat("+", size/2) + strings.Repeat("d=", size/4),
		"escapes, letters":  strings.Repeat("%20", size/6) + strings.Repeat("d=", size/4),
		"a word, letters":   strings.Repeat("x", size/2) + strings.Repeat("d=", size/4),
		"blanks, letters":   strings.Repeat(" ", size/2) + strings.Repeat("d=", size/4),
		"letters, blanks":   strings.Repeat("d=", size/4) + strings.Repeat(" ", size/2) + "=",
		"words":             strings.Repeat("si,d=", size/5),
		"words of one pair": "x=" + strings.Repeat(" si d =", size/7),
	} {
		if raw, _, err := e.Extract(request("Cookie", "sid=x", "Cookie", field)); raw != "x" || err != nil {
			t.Errorf("%s: Extract = %q, %v", name, raw, err)
		}
	}
}
