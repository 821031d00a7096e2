package credential_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

// Attack: a request carries a revoked credential beside the valid one that the gate checks.
// The revoked one has a name or a place that the gate does not read and the application
// behind it does.
func TestExtractRefusesACredentialThatOnlyOthersSee(t *testing.T) {
	const good = "a.b.c"
	revoked := strings.Repeat("d", 40) + "." + strings.Repeat("e", 40) + ".f"
	long := "d.e." + strings.Repeat("f", 60)
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
		"an encoded blank before a name":       {"", "at", []string{"Cookie", "%20at=d.e.f; at=" + good}},
		"letters encoded by JavaScript":        {"", "at", []string{"Cookie", "%u0061t=d.e.f; at=" + good}},
		"an array, to PHP":                     {"", "at", []string{"Cookie", "at[]=d.e.f; at=" + good}},
		"an array of names, to PHP":            {"", "access_token", []string{"Cookie", "access.token[a][b]=d.e.f; access_token=" + good}},
		"a blank of Unicode, to Django":        {"", "at", []string{"Cookie", "at=" + good + "; at\u00a0=d.e.f"}},
		"a blank of Latin-1, to Starlette":     {"", "at", []string{"Cookie", "at=" + good + "; \xa0at=d.e.f"}},
		"a next line of Latin-1":               {"", "at", []string{"Cookie", "at=" + good + "; at\x85=d.e.f"}},
		"a wide blank before an array":         {"", "at", []string{"Cookie", "at=" + good + "; at \u3000[]=d.e.f"}},
		"a blank of no width inside the name":  {"", "at", []string{"Cookie", "at=" + good + "; a\u200bt=d.e.f"}},
		"a blank before a name that begins so": {"", "_at", []string{"Cookie", "_at=" + good + "; \u00a0 _at=d.e.f"}},
		"a name that ends in an underscore":    {"", "at_", []string{"Cookie", "at_=" + good + "; at =d.e.f"}},
		"a comma, to CGI.pm":                   {"", "at", []string{"Cookie", "x=1, at=" + long + "; at=" + good}},
		"a comma, and letters of another case": {"", "at", []string{"Cookie", "x=1,AT=" + long + "; at=" + good}},
		"a comma, and a percent-encoded name":  {"", "at", []string{"Cookie", "x=1,%61t=" + long + "; at=" + good}},
		"a blank, to Python":                   {"", "at", []string{"Cookie", "x=1 at = " + long + "; at=" + good}},
		"a blank behind a quoted value":        {"", "at", []string{"Cookie", "at=" + good + "; x=\"a b\" at=" + long}},
		"a blank inside a name":                {"", "at", []string{"Cookie", "at=" + good + "; secure at=" + long}},
		"a bracket, to WebOb":                  {"", "at", []string{"Cookie", "at=" + good + "; x=[at=" + long}},
		"a quote, to ASP.NET Core":             {"", "at", []string{"Cookie", "at=" + good + "; x=\"\"at=" + long}},
		"a colon behind a quoted value":        {"", "at", []string{"Cookie", "at=" + good + "; x=\"a\"b:at=" + long}},
		"a letter that is not of ASCII":        {"", "at", []string{"Cookie", "at=" + good + "; x=éat=" + long}},
		"an at sign in a name":                 {"", "at", []string{"Cookie", "at=" + good + "; x@at=" + long}},
		"a value without a name":               {"", "at", []string{"Cookie", "at=" + good + "; =x:at=" + long}},
		"in the second of two fields":          {"", "at", []string{"Cookie", "at=" + good, "Cookie", "x=1,at=" + long}},
		"behind what only looks like it":       {"", "at", []string{"Cookie", "at=" + good + "; x=at=1,at=2,at=" + long}},
		"a list of schemes":                    {"Authorization", "at", []string{"Cookie", "at=" + good, "Authorization", "Basic x, Bearer d.e.f"}},
		"a list of schemes, in small letters":  {"Authorization", "at", []string{"Cookie", "at=" + good, "Authorization", "Basic x,bearer\td.e.f"}},
		"a list behind parameters":             {"Authorization", "at", []string{"Cookie", "at=" + good, "Authorization", "Digest a=\"b\", Bearer d.e.f"}},
		"a list that begins with a comma":      {"Authorization", "at", []string{"Cookie", "at=" + good, "Authorization", ", Bearer d.e.f"}},
		"schemes between tabs":                 {"Authorization", "at", []string{"Cookie", "at=" + good, "Authorization", "Basic\tBearer\td.e.f"}},
		"a longer scheme, to Laravel":          {"Authorization", "at", []string{"Cookie", "at=" + good, "Authorization", "XBearer d.e.f"}},
		"no blank behind the scheme":           {"Authorization", "at", []string{"Cookie", "at=" + good, "Authorization", "Bearer" + revoked}},
		"no blank, in a list":                  {"Authorization", "at", []string{"Cookie", "at=" + good, "Authorization", "Basic Zm9v,bearer" + revoked}},
		"another scheme with a signed token":   {"Authorization", "at", []string{"Cookie", "at=" + good, "Authorization", "Token " + revoked}},
		"a signed token without a scheme":      {"Authorization", "at", []string{"Cookie", "at=" + good, "Authorization", revoked}},
		"a NUL in a name":                      {"", "at", []string{"Cookie", "at=" + good + "; at%00x=d.e.f"}},
		"a blank of Latin-1 behind the scheme": {"Authorization", "at", []string{"Cookie", "at=" + good, "Authorization", "Basic x, Bearer\xa0d.e.f"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := credential.NewExtractor(credential.Places{Header: test.header, Cookie: test.cookie})
			if raw, _, err := e.Extract(request(test.fields...)); raw != "" || !errors.Is(err, credential.ErrSeveral) {
				t.Errorf("Extract = %q, %v, want ErrSeveral", raw, err)
			}
		})
	}
}

// Names that are only similar must not be refused. A credential that only others see admits
// nobody.
func TestExtractIgnoresOtherValues(t *testing.T) {
	long := strings.Repeat("f", 60)
	for cookie, want := range map[string]error{
		"at=a.b.c; bat=1; at2=2; a_t=3; x=at; y=%61; z=a=t": nil,
		"x=at at; y=;at=a.b.c":                              nil,
		"x=a at=b; at=a.b.c":                                nil,
		"x=a,at=b; y= at=; z=\"at=1 at=2\"; at=a.b.c":       nil,
		`x={"a":"b","at":1,"c":"at=d"}; at=a.b.c`:           nil,
		"_ga=GA1.2.1234567890.1700000000; _ga_X=GS1.1.1.1.0.0.0; _gid=GA1.2.5; at=a.b.c":              nil,
		"__utmz=1.17.1.1.utmcsr=google|utmccn=(organic)|utmcmd=organic|at=" + long + "; at=a.b.c":     nil,
		"next=https://app.example.com/login?at=" + long + "; at=a.b.c":                                nil,
		"x=a:at=" + long + "; y=(at=" + long + "; z=at=" + long + "; at=a.b.c":                        nil,
		"x=Zm9v/at==; y=Zm8=; z==; =; ;; at=a.b.c; bat[]=1; x[at]=2; %=3; %6=4; %zz=5; %u0=6; \xa0=7": nil,
		"$Version=1; at=a.b.c; $Path=/": nil,
		"at=" + long + " at=" + long:    nil,
		"AT=a.b.c":                      credential.ErrMissing,
		"at\u00a0=a.b.c":                credential.ErrMissing,
		"at[]=a.b.c":                    credential.ErrMissing,
		"x=1, at=" + long:               credential.ErrMissing,
		"x=1;%61t=a.b.c":                credential.ErrMissing,
	} {
		e := credential.NewExtractor(credential.Places{Cookie: "at"})
		raw, _, err := e.Extract(request("Cookie", cookie))
		if !errors.Is(err, want) || want == nil && raw != "a.b.c" && !strings.HasPrefix(cookie, "at="+raw) {
			t.Errorf("%q: Extract = %q, %v, want %v", cookie, raw, err, want)
		}
	}
	e := credential.NewExtractor(credential.Places{Header: "Authorization", Cookie: "at"})
	for _, other := range []string{"Basic YTpi", "JWT d.e.f", "d.e.f", "Digest realm=\"a.b.c\", uri=\"/d.e.f\"", "Negotiate YII=", "a.b", "Digest username=\"bearer, x\"", "Bearer", "Bearer ", "Basic Bearer", "BearerX d.e.f", ""} {
		if raw, _, err := e.Extract(request("Cookie", "at=a.b.c", "Authorization", other)); raw != "a.b.c" || err != nil {
			t.Errorf("beside %q: Extract = %q, %v", other, raw, err)
		}
	}
	for _, alone := range []string{"Basic x, Bearer a.b.c", "Digest a=\"b\", Bearer a.b.c", "Digest username=\"bearer, x\"", "Basic\tBearer a.b.c"} {
		if raw, _, err := e.Extract(request("Authorization", alone)); raw != "" || !errors.Is(err, credential.ErrMissing) {
			t.Errorf("%q alone: Extract = %q, %v", alone, raw, err)
		}
	}
	e = credential.NewExtractor(credential.Places{Header: "X-Access-Token"})
	r := request("X-Access-Token", "a.b.c", "X-Access-Tokens", "x", "X-Access", "y", "Xaccesstoken", "z", "Authorization", "Bearer d.e.f")
	if raw, _, err := e.Extract(r); raw != "a.b.c" || err != nil {
		t.Errorf("Extract = %q, %v", raw, err)
	}
}

// Attack: a cookie with a forged token beside a field such as `d=d=d=`. If the gate read
// the whole pair for every equals sign, a field of this length would take an hour, longer
// than any test may.
func TestExtractReadsALongFieldOnce(t *testing.T) {
	const size = 4 << 20
	e := credential.NewExtractor(credential.Places{Cookie: "sid"})
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
		"names":             "x=" + strings.Repeat(":sid=", size/5),
		"names and blanks":  "x=" + strings.Repeat(" sid= ", size/6),
		"a long name":       "x=" + strings.Repeat(":sid="+strings.Repeat("a", 60), size/65),
		"a name of blanks":  strings.Repeat("\xa0", size) + "=",
		"names of blanks":   strings.Repeat("\xa0sid\xa0x=1;", size/12),
		"encoded blanks":    strings.Repeat("%a0", size/3) + "=",
		"blanks and a name": strings.Repeat(" ", size) + "x=1",
	} {
		if raw, _, err := e.Extract(request("Cookie", "sid=x", "Cookie", field)); raw != "x" || err != nil {
			t.Errorf("%s: Extract = %q, %v", name, raw, err)
		}
	}
}
