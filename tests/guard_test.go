package tests

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestRequestWithoutCredentialIsChallenged(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		token := g.Token(session("laptop"))
		for name, field := range map[string]string{
			"no field":              "X-Unrelated: 1",
			"an empty field":        "Authorization:",
			"the scheme alone":      "Authorization: Bearer",
			"the scheme and blanks": "Authorization: Bearer   ",
			"another scheme":        "Authorization: Basic YWxpY2U6c2VjcmV0",
			"a longer scheme":       "Authorization: Bearers " + token,
			// A credential is looked for only where the configuration says.
			"a cookie":        "Cookie: session=" + token,
			"another field":   "X-Authorization: Bearer " + token,
			"the proxy's own": "Proxy-Authorization: Bearer " + token,
		} {
			t.Run(name, func(t *testing.T) {
				noToken.check(t, g.Raw(t, harness.Lines("GET /?access_token="+token+" HTTP/1.1", field)))
			})
		}
		t.Run("a form", func(t *testing.T) {
			noToken.check(t, g.Send(t, "POST", "/", harness.Body("application/x-www-form-urlencoded", "access_token="+token)))
		})
		t.Run("an OPTIONS that is no preflight", func(t *testing.T) {
			noToken.check(t, g.Send(t, "OPTIONS", "/", harness.Header("Origin", "https://app.example.com")))
		})
		checkUnreached(t, g)
	})
}

// The answer does not tell an expired, a forged and a revoked token apart, so
// that nobody learns which tokens once were good.
func TestInvalidExpiredAndRevokedTokensLookAlike(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		tokens := untrusted(t, g)
		delete(tokens, "malformed")
		tokens["revoked"] = g.Token(session("revoked"))
		invalidated.check(t, end(t, g, tokens["revoked"]))
		for name, token := range tokens {
			t.Run(name, func(t *testing.T) { badToken.check(t, get(t, g, token)) })
		}
		checkUnreached(t, g)
	})
}

func TestHeaderOfTheTokenSaysWhatItIs(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		mint := func(header map[string]any) string {
			return tokentest.Mint(t, g.Key, tokentest.Claims(time.Now(), nil), header)
		}
		for _, typ := range []any{nil, "JWT", "jwt", "at+jwt", "application/at+jwt", "application/JWT"} {
			checkAdmitted(t, get(t, g, mint(map[string]any{"typ": typ})))
		}
		g.Upstream.Take()
		// Attack: a token that was made for another purpose is taken for an access
		// token; or one reader of its header obeys what another does not know.
		for name, header := range map[string]map[string]any{
			"a logout token":      {"typ": "logout+jwt"},
			"a DPoP proof":        {"typ": "dpop+jwt"},
			"an empty typ":        {"typ": ""},
			"a typ of no text":    {"typ": 1},
			"an empty crit":       {"crit": []string{}},
			"an unknown crit":     {"crit": []string{"exp"}, "exp": 1},
			"a payload as it is":  {"b64": false},
			"a kid that is none":  {"kid": 7},
			"a kid that is a map": {"kid": map[string]any{}},
			"alg none":            {"alg": "none"},
			"another alg":         {"alg": "HS512"},
			"nested too deep":     {"x": json.RawMessage(strings.Repeat("[", 32) + strings.Repeat("]", 32))},
		} {
			t.Run(name, func(t *testing.T) { badToken.check(t, get(t, g, mint(header))) })
		}
		checkUnreached(t, g)
	})
}

func TestBrokenCredentialIsBadRequest(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		token := g.Token(session("laptop"))
		for name, credential := range map[string]string{
			"one part":            "Bearer abc",
			"two parts":           "Bearer abc.def",
			"four parts":          "Bearer " + token + ".x",
			"five parts":          "Bearer a.b.c.d.e",
			"an empty part":       "Bearer a..c",
			"padding":             "Bearer " + token + "=",
			"another alphabet":    "Bearer a+b.c/d.e",
			"two in one field":    "Bearer " + token + ", Bearer " + token,
			"trailing characters": "Bearer " + token + " x",
			"over 8 KiB":          "Bearer a.b." + strings.Repeat("c", 8<<10),
			"a tab for the space": "Bearer\t" + token,
		} {
			t.Run(name, func(t *testing.T) {
				malformed.check(t, g.Raw(t, harness.Lines("GET / HTTP/1.1", "Authorization: "+credential)))
			})
		}
		checkUnreached(t, g)
	})
}

const bothSources = "token header Authorization\ntoken cookie session"

// manyCredentials are fields that hold more than one credential.
func manyCredentials(one, other string) map[string][]string {
	bearer, cookie := "Authorization: Bearer "+one, "Cookie: session="+one
	return map[string][]string{
		"two fields":                     {bearer, "Authorization: Bearer " + other},
		"one field twice":                {bearer, bearer},
		"in other letter case":           {bearer, "authorization: bearer " + other},
		"beside another scheme":          {"Authorization: Basic YTpi", bearer},
		"beside an empty field":          {bearer, "Authorization:"},
		"a field and a cookie":           {bearer, "Cookie: session=" + other},
		"the same in field and cookie":   {bearer, cookie},
		"two cookies":                    {cookie + "; session=" + other},
		"two cookies in two fields":      {cookie, "Cookie: a=b; session=" + other},
		"a cookie twice":                 {cookie + ";session=" + one},
		"a cookie beside an empty one":   {"Cookie: session=; session=" + one},
		"a broken one beside a good one": {bearer, "Authorization: Bearer x"},
	}
}

// Attack: of two credentials, the gate checks one and the application takes the
// other.
func TestSeveralCredentialsAreRefused(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: bothSources})
		one, other := g.Token(session("one")), g.Token(session("other"))
		bearer, cookie := "Authorization: Bearer "+one, "Cookie: session="+one
		for name, fields := range manyCredentials(one, other) {
			t.Run(name, func(t *testing.T) {
				several.check(t, g.Raw(t, harness.Lines("GET / HTTP/1.1", fields...)))
				several.check(t, g.Raw(t, harness.Lines("DELETE "+endpoint+" HTTP/1.1", fields...)))
			})
		}
		checkUnreached(t, g)
		for _, field := range []string{bearer, cookie, cookie + "; other=1", "Cookie: a=b; session=\"" + one + "\""} {
			checkAdmitted(t, g.Raw(t, harness.Lines("GET / HTTP/1.1", field)))
		}
	})
}
