package oauth_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
)

// parse reads a query, and a body that is JSON if it begins like it.
func parse(query, body string) (*oauth.Parameters, error) {
	p := new(oauth.Parameters)
	if err := p.AddQuery(query); err != nil {
		return p, err
	}
	if strings.HasPrefix(body, "{") {
		return p, p.AddJSON([]byte(body))
	}
	return p, p.AddForm(body)
}

func TestRelevantParameters(t *testing.T) {
	for _, tt := range []struct {
		query, body string
		refreshes   bool
		tokens      []string
	}{
		{"", "grant_type=refresh_token&refresh_token=a%2Fb%2Bc&scope=x+y", true, []string{"a/b+c"}},
		{"", "grant_type=authorization_code&code=c&redirect_uri=https%3A%2F%2Fa%2F%3Bb", false, nil},
		{"", `{"grant_type":"refresh_token","refresh_token":"a\u002fb","expires_in":60,"nested":{"refresh_token":"no"}}`, true, []string{"a/b"}},
		{"", `{"refresh_token":"only","password":null}`, false, []string{"only"}},
		{"grant_type=refresh_token", "refresh_token=t", true, []string{"t"}},
		{"refresh_token=t", "", false, []string{"t"}},
		{"", "refresh_token=&grant_type=refresh_token", true, nil}, // RFC 6749 §3.1: an empty value counts as omitted
		{"", `{"refresh_token":null,"grant_type":"refresh_token"}`, true, nil},
		{"", "assertion=eyJhbGciOiJIUzI1NiJ9.e30.AAAA&client_assertion=eyJhbGciOiJIUzI1NiJ9.e31.AAA=", false, []string{"eyJhbGciOiJIUzI1NiJ9.e30.AAAA"}},
		{"", "assertion=PHNhbWwycDpSZXNwb25zZQ%3D%3D%0D%0A" + strings.Repeat("a", oauth.MaxTokenSize), false, nil}, // of SAML
		{"", "&&a=&", false, nil},
		{"", "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=s&actor_token=a", false, []string{"s", "a"}},
		{"", "password=%FF%FE&username=%E9", false, nil},
		{"", "password={}&username=[a]", false, nil},
		{"/callback&{x}", "", false, nil}, // nobody reads a document in a query
		{"", `{"refresh_token":"a","password":"50%&x=1;y=&=","username":"refresh_token&grant_type"}`, false, []string{"a"}},
	} {
		p, err := parse(tt.query, tt.body)
		if err != nil || p.Refreshes() != tt.refreshes || !slices.Equal(p.Tokens(), tt.tokens) {
			t.Errorf("%q and %q: refreshes %t with %q, %v; want %t with %q",
				tt.query, tt.body, p.Refreshes(), p.Tokens(), err, tt.refreshes, tt.tokens)
		}
	}
}

// Attack: a revoked refresh token under a name that only the endpoint reads as the
// parameter.
func TestEverySpellingOfANameIsTheParameter(t *testing.T) {
	for _, form := range []string{
		"Refresh_Token", "REFRESH_TOKEN", "refreshToken", "refresh-token", "refresh.token", "refresh+token", "refresh%5Ftoken",
		"refresh_token%5B%5D", "refresh_token[0]", "refresh[token", "%20refresh_token", "refresh_token%00", "refresh_token%00x",
		"refre%C5%BFh_to%E2%84%AAen", "_refresh_token_",
	} {
		if p, err := parse("", form+"=t"); err != nil || p.Refresh() != "t" {
			t.Errorf("%s: %q, %v; want the refresh token", form, p.Refresh(), err)
		}
		if _, err := parse("", form+"=t&refresh_token=other"); !errors.Is(err, oauth.ErrRequest) {
			t.Errorf("%s beside refresh_token: %v, want ErrRequest", form, err)
		}
	}
	for _, other := range []string{"refresh_token_2", "refresh_tokens", "xrefresh_token", "token", "refresh"} {
		if p, err := parse("", other+"=t"); err != nil || p.Refresh() != "" {
			t.Errorf("%s: %q, %v; want no refresh token", other, p.Refresh(), err)
		}
	}
}

// RFC 6749 §3.2. Attack: two readers read one request in different ways.
func TestWhatReadersDisagreeOnIsRefused(t *testing.T) {
	for name, tt := range map[string][2]string{
		"two refresh tokens":           {"", "refresh_token=a&refresh_token=b"},
		"the same twice":               {"", "refresh_token=a&refresh_token=a"},
		"one of them empty":            {"", "refresh_token=&refresh_token=b"},
		"one in the query":             {"refresh_token=a", "refresh_token=b"},
		"one in the query, with JSON":  {"refresh_token=a", `{"refresh_token":"b"}`},
		"two grant types":              {"", "grant_type=password&grant_type=refresh_token"},
		"two in JSON":                  {"", `{"refresh_token":"a","refresh_token":"b"}`},
		"two in JSON, escaped":         {"", `{"refresh_token":"a","refresh\u005ftoken":"b"}`},
		"two in JSON, one null":        {"", `{"refresh_token":"a","refreshToken":null}`},
		"a list":                       {"", `{"refresh_token":["a"]}`},
		"a number":                     {"", `{"refresh_token":1}`},
		"a grant type that is a list":  {"", `{"grant_type":["refresh_token"]}`},
		"two assertions":               {"", "assertion=a&assertion=b"},
		"a respelt assertion":          {"", "assertion=eyJhbGciOiJIUzI1NiJ9.e30.AAA%3D"},
		"one that is escaped twice":    {"", "assertion=%2565yJhbGciOiJIUzI1NiJ9.e30.AAAA"},
		"a semicolon":                  {"", "x=1;refresh_token=a"},
		"a lone percent sign":          {"", "x=%&refresh_token=a"},
		"a percent sign of ASP":        {"", "%u0072efresh_token=a"},
		"a name that is not UTF-8":     {"", "refresh%FFtoken=a"},
		"a blank at the end":           {"", "refresh_token=a+"},
		"a blank inside":               {"", "refresh_token=a b"},
		"a scheme before a token":      {"", "subject_token=Bearer+a"},
		"a line break at the end":      {"", "refresh_token=a%0A"},
		"a NUL in a token":             {"", "refresh_token=a%00b"},
		"a token beyond ASCII":         {"", "refresh_token=%C3%A4"},
		"JSON with something after":    {"", `{"refresh_token":"a"}{}`},
		"JSON that is not UTF-8":       {"", "{\"refresh_token\":\"a\xff\"}"},
		"JSON nested beyond the depth": {"", `{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`},
		"JSON called a form":           {"", " \t\r\n\ufeff" + `[{"refresh_token":"a"}]`},
		"a form in JSON":               {"", `{"x":"&refresh_token=a&y="}`},
		"one between semicolons":       {"", `{"x":";refresh_token=a;y="}`},
		"one with its name in ASP":     {"", `{"x":"&%u0072efresh%5ftoken=a&y=50%"}`},
		"one in ASP with a capital":    {"", `{"x":"&%U0072efresh%5ftoken=a&y=50%"}`},
		"no JSON":                      {"", `{"refresh_token":"a"`},
	} {
		if p, err := parse(tt[0], tt[1]); !errors.Is(err, oauth.ErrRequest) {
			t.Errorf("%s: %q, %v; want ErrRequest", name, p.Tokens(), err)
		} else if strings.Contains(err.Error(), `"a`) {
			t.Errorf("%s: the error %v holds the token", name, err)
		}
	}
}

// The new tokens continue the session of one of the presented tokens.
func TestContinuedToken(t *testing.T) {
	const jws = "eyJhbGciOiJIUzI1NiJ9.e30.AAAA"
	const exchange = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
	for form, want := range map[string]string{
		"grant_type=refresh_token&refresh_token=r&subject_token=s&actor_token=a":               "r",
		"refresh_token=r&subject_token=s":                                                      "r",
		"grant_type=REFRESH_TOKEN&refresh_token=r&subject_token=s":                             "r",
		"grant_type=of+our+own&refresh_token=r":                                                "r",
		"grant_type=" + exchange + "&subject_token=s&actor_token=a":                            "s",
		"grant_type=URN%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken_exchange&subject_token=s": "s",
		"grant_type=" + exchange + "&actor_token=a":                                            "",
		"grant_type=password&subject_token=s":                                                  "",
		"grant_type=refresh_token&subject_token=s":                                             "",
		"subject_token=s": "",
		"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=" + jws + "&subject_token=s": jws,
		"grant_type=password&assertion=" + jws: "",
		"refresh_token=r&assertion=" + jws:     "r",
	} {
		if p, err := parse("", form); err != nil || p.Continued() != want || p.Contradicts() {
			t.Errorf("%s: continues %q, contradicts %t, error %v; want %q", form, p.Continued(), p.Contradicts(), err, want)
		}
	}
	for _, form := range []string{"grant_type=" + exchange + "&subject_token=s&refresh_token=r", "grant_type=Password&refresh_token=r"} {
		if p, err := parse("", form); err != nil || !p.Contradicts() {
			t.Errorf("%s does not contradict itself, error %v", form, err)
		}
	}
}
