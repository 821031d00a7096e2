package harness

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// BothSources configures a gate that accepts a token in a field and in a cookie.
const BothSources = "token header Authorization\ntoken cookie session"

// ManyCredentials returns fields that hold more than one credential.
func ManyCredentials(one, other string) map[string][]string {
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

// Identified returns the claims that the presets use.
func Identified() map[string]any {
	return Session("laptop", "email", "alice@example.com", "groups", []string{"staff", "admins"},
		"preferred_username", "al", "name", "Alice A.", "tenant_id", 42)
}

// Untrusted returns tokens of the session "victim" that the gate must not trust.
func Untrusted(t *testing.T, g *Gate) map[string]string {
	t.Helper()
	now := time.Now()
	victim := func(further ...any) string { return g.Token(Session("victim", further...)) }
	genuine := victim()
	signature := strings.LastIndexByte(genuine, '.') + 1
	return map[string]string{
		"malformed":             "not-a-token",
		"signed by a stranger":  tokentest.Mint(t, NewKey(), tokentest.Claims(now, Session("victim"))),
		"cut off":               genuine[:len(genuine)-4],
		"with a foreign head":   "eyJhbGciOiJub25lIn0." + strings.SplitN(genuine, ".", 2)[1],
		"with another payload":  strings.Join([]string{strings.Split(genuine, ".")[0], strings.Split(victim("sub", "root"), ".")[1], genuine[signature:]}, "."),
		"expired":               victim("iat", now.Add(-2*time.Hour).Unix(), "exp", now.Add(-time.Hour).Unix()),
		"not yet valid":         victim("nbf", now.Add(time.Hour).Unix()),
		"of an unknown issuer":  victim("iss", "https://evil.example.com"),
		"for another audience":  victim("aud", "other-app"),
		"without an expiry":     victim("exp", nil),
		"that lives too long":   victim("exp", now.Add(48*time.Hour).Unix()),
		"with a critical field": tokentest.Mint(t, g.Key, tokentest.Claims(now, Session("victim")), map[string]any{"crit": []string{"b64"}, "b64": false}),
		"of another kind":       tokentest.Mint(t, g.Key, tokentest.Claims(now, Session("victim")), map[string]any{"typ": "logout+jwt"}),
	}
}

// IssuerOf returns the issuer of the harness with another source of keys.
func IssuerOf(source string) string {
	return "issuer https://id.example.com {\n" + source + "\naudience legacy-app\n}"
}

// IssuerWith returns the issuer of the harness with further lines. Its tokens are signed with
// the HMAC key of the gate.
func IssuerWith(lines string) string {
	return IssuerOf("hmac_secret {file.{$GATE_DIR}/hmac_secret}\n" + lines)
}

// IssuerBlock returns an issuer whose tokens are signed with the key of the gate.
func IssuerBlock(name string) string {
	return "issuer " + name + " {\nhmac_secret {file.{$GATE_DIR}/hmac_secret}\naudience legacy-app\n}\n"
}
