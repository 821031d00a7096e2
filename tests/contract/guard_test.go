package contract

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestRequestWithoutCredentialIsChallenged(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		token := g.Token(harness.Session("laptop"))
		for name, field := range map[string]string{
			"no field":              "X-Unrelated: 1",
			"an empty field":        "Authorization:",
			"the scheme alone":      "Authorization: Bearer",
			"the scheme and blanks": "Authorization: Bearer   ",
			"another scheme":        "Authorization: Basic YWxpY2U6c2VjcmV0",
			"a longer scheme":       "Authorization: Bearers " + token,
			// A credential is read only in the configured places.
			"a cookie":        "Cookie: session=" + token,
			"another field":   "X-Authorization: Bearer " + token,
			"the proxy's own": "Proxy-Authorization: Bearer " + token,
		} {
			t.Run(name, func(t *testing.T) {
				answers.NoToken.Check(t, g.Raw(t, harness.Lines("GET /?access_token="+token+" HTTP/1.1", field)))
			})
		}
		t.Run("a form", func(t *testing.T) {
			answers.NoToken.Check(t, g.Send(t, "POST", "/", harness.Body("application/x-www-form-urlencoded", "access_token="+token)))
		})
		t.Run("an OPTIONS that is no preflight", func(t *testing.T) {
			answers.NoToken.Check(t, g.Send(t, "OPTIONS", "/", harness.Header("Origin", "https://app.example.com")))
		})
		harness.CheckUnreached(t, g)
	})
}

// The answer does not distinguish a broken, an expired, a forged and a revoked token, so that nobody
// learns which tokens were valid once.
func TestInvalidExpiredAndRevokedTokensLookAlike(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		tokens := harness.Untrusted(t, g)
		tokens["revoked"] = g.Token(harness.Session("revoked"))
		answers.Invalidated.Check(t, harness.End(t, g, tokens["revoked"]))
		for name, token := range tokens {
			t.Run(name, func(t *testing.T) { answers.BadToken.Check(t, harness.Get(t, g, token)) })
		}
		harness.CheckUnreached(t, g)
	})
}

func TestHeaderOfTheTokenSaysWhatItIs(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		mint := func(header map[string]any) string {
			return tokentest.Mint(t, g.Key, tokentest.Claims(time.Now(), nil), header)
		}
		for _, typ := range []any{nil, "", "JWT", "jwt", "at+jwt", "application/at+jwt", "application/JWT"} {
			harness.CheckAdmitted(t, harness.Get(t, g, mint(map[string]any{"typ": typ})))
		}
		g.Upstream.Take()
		// Attack: a token for another purpose is used as an access token. Or one reader of
		// its header follows a member that another does not know.
		for name, header := range map[string]map[string]any{
			"a logout token":      {"typ": "logout+jwt"},
			"a DPoP proof":        {"typ": "dpop+jwt"},
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
			t.Run(name, func(t *testing.T) { answers.BadToken.Check(t, harness.Get(t, g, mint(header))) })
		}
		harness.CheckUnreached(t, g)
	})
}

// RFC 6750 §3.1: a token that is malformed for any reason is invalid_token. A client then
// gets a new one. After a 400 it would give up.
func TestBrokenCredentialLooksInvalid(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store})
		token := g.Token(harness.Session("laptop"))
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
				answers.BadToken.Check(t, g.Raw(t, harness.Lines("GET / HTTP/1.1", "Authorization: "+credential)))
			})
		}
		harness.CheckUnreached(t, g)
	})
}

// Attack: a request has two credentials. The gate checks one and the application uses the
// other.
func TestSeveralCredentialsAreRefused(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		g := harness.Start(t, harness.Config{Store: store, Gate: harness.BothSources})
		one, other := g.Token(harness.Session("one")), g.Token(harness.Session("other"))
		bearer, cookie := "Authorization: Bearer "+one, "Cookie: session="+one
		for name, fields := range harness.ManyCredentials(one, other) {
			t.Run(name, func(t *testing.T) {
				answers.Several.Check(t, g.Raw(t, harness.Lines("GET / HTTP/1.1", fields...)))
				answers.Several.Check(t, g.Raw(t, harness.Lines("DELETE "+harness.Endpoint+" HTTP/1.1", fields...)))
			})
		}
		harness.CheckUnreached(t, g)
		for _, field := range []string{bearer, cookie, cookie + "; other=1", "Cookie: a=b; session=\"" + one + "\""} {
			harness.CheckAdmitted(t, g.Raw(t, harness.Lines("GET / HTTP/1.1", field)))
		}
	})
}
