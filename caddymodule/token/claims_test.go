package token_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/strictjson"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// claimsJSON returns tokentest.Claims as JSON.
func claimsJSON(t testing.TB, changes map[string]any) string {
	t.Helper()
	text, err := json.Marshal(tokentest.Claims(now, changes))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// with returns a claims set in JSON. The members are added as text, and replace claims of
// the same name.
func with(t testing.TB, members string, without ...string) string {
	t.Helper()
	changes := map[string]any{}
	for _, name := range without {
		changes[name] = nil
	}
	text := claimsJSON(t, changes)
	return text[:len(text)-1] + "," + members + "}"
}

type claimsTest struct {
	name, payload string
	want          error // nil for accepted
}

func runClaims(t *testing.T, tests []claimsTest) {
	t.Helper()
	v, key := hmacVerifier(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := tokentest.Seal(t, key, `{"alg":"HS256"}`, tt.payload)
			if tt.want != nil {
				mustRefuse(t, v, raw, tt.want)
				return
			}
			mustVerify(t, v, raw)
		})
	}
}

// Attacks: a token without an end, or with dates that readers understand differently,
// outlives its revocation. The leeway is 30 s, the longest lifetime an hour.
func TestDates(t *testing.T) {
	invalid, expired := token.ErrInvalid, token.ErrExpired
	runClaims(t, []claimsTest{
		{"no exp", with(t, `"x":1`, "exp"), invalid},
		{"exp null", with(t, `"exp":null`, "exp"), invalid},
		{"exp text", with(t, `"exp":"1800000300"`, "exp"), invalid},
		{"exp true", with(t, `"exp":true`, "exp"), invalid},
		{"exp list", with(t, `"exp":[1800000300]`, "exp"), invalid},
		{"exp 0", with(t, `"exp":0`, "exp"), expired},
		{"exp minus 0", with(t, `"exp":-0`, "exp"), expired},
		{"exp negative", with(t, `"exp":-1`, "exp"), invalid},
		{"exp 1e400", with(t, `"exp":1e400`, "exp"), invalid},
		{"exp 1e19, beyond int64", with(t, `"exp":1e19`, "exp"), invalid},
		{"exp 9e15", with(t, `"exp":9e15`, "exp"), invalid},
		{"exp with exponent", with(t, `"exp":1.8000003e9`, "exp"), nil},
		{"exp twice", with(t, `"exp":1800000300`), invalid},
		{"EXP beside exp", with(t, `"EXP":1800000300`), invalid},
		{"EXP instead of exp", with(t, `"EXP":1800000300`, "exp"), invalid},
		{"within leeway after exp", with(t, `"exp":1799999971,"iat":1799999000`, "exp", "iat"), nil},
		{"leeway over", with(t, `"exp":1799999970,"iat":1799999000`, "exp", "iat"), expired},
		{"leeway over by less than a second", with(t, `"exp":1799999970.9,"iat":1799999000`, "exp", "iat"), expired},

		{"no iat", with(t, `"x":1`, "iat"), invalid},
		{"iat null", with(t, `"iat":null`, "iat"), invalid},
		{"iat text", with(t, `"iat":"1800000000"`, "iat"), invalid},
		{"iat negative", with(t, `"iat":-1`, "iat"), invalid},
		{"iat within leeway ahead", with(t, `"iat":1800000030`, "iat"), nil},
		{"iat in the future", with(t, `"iat":1800000031`, "iat"), invalid},
		{"iat far in the future", with(t, `"iat":1e300`, "iat"), invalid},
		{"longest lifetime", with(t, `"exp":1800003600,"iat":1800000000`, "exp", "iat"), nil},
		{"over the longest lifetime", with(t, `"exp":1800003601,"iat":1800000000`, "exp", "iat"), invalid},
		{"iat of 1970", with(t, `"iat":0`, "iat"), invalid},

		{"nbf past", with(t, `"nbf":0`), nil},
		{"nbf within leeway ahead", with(t, `"nbf":1800000030`), nil},
		{"nbf ahead", with(t, `"nbf":1800000031`), invalid},
		{"nbf ahead by less than a second", with(t, `"nbf":1800000030.1`), invalid},
		{"nbf null", with(t, `"nbf":null`), nil},
		{"nbf text", with(t, `"nbf":"0"`), invalid},
	})
}

// Attack: a token that was issued for another service (RFC 8725 §3.9), or by an issuer with
// a similar name (§3.8).
func TestIssuerAndAudience(t *testing.T) {
	invalid := token.ErrInvalid
	runClaims(t, []claimsTest{
		{"no iss", with(t, `"x":1`, "iss"), invalid},
		{"iss null", with(t, `"iss":null`, "iss"), invalid},
		{"iss list", with(t, `"iss":["https://id.example.com"]`, "iss"), invalid},
		{"iss with slash", with(t, `"iss":"https://id.example.com/"`, "iss"), invalid},
		{"iss in other case", with(t, `"iss":"https://ID.example.com"`, "iss"), invalid},
		{"iss longer", with(t, `"iss":"https://id.example.com.attacker.example"`, "iss"), invalid},
		{"iss escaped", with(t, `"iss":"https:\/\/id.example.com"`, "iss"), nil},
		{"iss twice", with(t, `"iss":"https://id.example.com"`), invalid},

		{"no aud", with(t, `"x":1`, "aud"), invalid},
		{"aud null", with(t, `"aud":null`, "aud"), invalid},
		{"aud another", with(t, `"aud":"somebody-else"`, "aud"), invalid},
		{"aud empty", with(t, `"aud":""`, "aud"), invalid},
		{"aud empty list", with(t, `"aud":[]`, "aud"), invalid},
		{"aud the second of ours", with(t, `"aud":"other-app"`, "aud"), nil},
		{"aud list", with(t, `"aud":["somebody-else","legacy-app"]`, "aud"), nil},
		{"aud list of others", with(t, `"aud":["a","b"]`, "aud"), invalid},
		{"aud list with a number", with(t, `"aud":["legacy-app",1]`, "aud"), invalid},
		{"aud nested list", with(t, `"aud":[["legacy-app"]]`, "aud"), invalid},
		{"aud object", with(t, `"aud":{"legacy-app":true}`, "aud"), invalid},
		{"aud with a space", with(t, `"aud":"legacy-app somebody-else"`, "aud"), invalid},
		{"aud in other case", with(t, `"aud":"Legacy-App"`, "aud"), invalid},
	})
}

// Attack: two ids become the same on their way, so that one session passes for another or
// cannot be revoked.
func TestIDs(t *testing.T) {
	invalid := token.ErrInvalid
	var tests []claimsTest
	for _, name := range []string{"sid", "jti", "sub"} {
		id := func(value string) string { return with(t, `"`+name+`":`+value, name) }
		tests = append(tests, []claimsTest{
			{name + " of one byte", id(`"x"`), nil},
			{name + " of 1 KiB", id(`"` + strings.Repeat("x", 1024) + `"`), nil},
			{name + " of other letters", id(`"é世界 /{}:"`), nil},
			{name + " of over 1 KiB", id(`"` + strings.Repeat("x", 1025) + `"`), invalid},
			{name + " of over 1 KiB in 513 letters", id(`"x` + strings.Repeat("é", 512) + `"`), invalid},
			{name + " empty", id(`""`), nil},
			{name + " null", id(`null`), nil},
			{name + " integer", id(`77776025198584`), nil},
			{name + " 0", id(`0`), nil},
			{name + " 2^53", id(`9007199254740992`), nil},
			{name + " over 2^53", id(`9007199254740993`), invalid},
			{name + " over 2^64", id(`18446744073709551617`), invalid},
			{name + " negative", id(`-1`), invalid},
			{name + " minus 0", id(`-0`), invalid},
			{name + " fraction", id(`1.0`), invalid},
			{name + " exponent", id(`1e3`), invalid},
			{name + " boolean", id(`true`), invalid},
			{name + " list", id(`["x"]`), invalid},
			{name + " lone surrogate", id(`"x\ud800"`), invalid},
			{name + " replacement character", id(`"x\ufffd"`), invalid},
			{name + " invalid UTF-8", id("\"x\xff\""), invalid},
			{name + " NUL", id(`"x\u0000"`), invalid},
			{name + " line break", id(`"x\r\ny"`), invalid},
			{name + " DEL", id("\"x\x7f\""), invalid},
			{name + " C1 control", id(`"x\u0085"`), invalid},
			{name + " twice", with(t, `"`+name+`":"y"`), invalid},
			{name + " in other case too", with(t, `"`+strings.ToUpper(name)+`":"y"`), invalid},
			{name + " in other case alone", with(t, `"`+strings.ToUpper(name)+`":1`, name), nil},
		}...)
	}
	tests = append(tests, claimsTest{"LATIN SMALL LETTER LONG S beside sid", with(t, "\"\u017fid\":\"y\""), invalid})
	runClaims(t, tests)
}

// Attack: a payload that is not a claims set, but decodes into one.
func TestPayloadShape(t *testing.T) {
	invalid := token.ErrInvalid
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	runClaims(t, []claimsTest{
		{"null", `null`, invalid},
		{"array", `[]`, invalid},
		{"text", `"{}"`, invalid},
		{"empty object", `{}`, invalid},
		{"a token, nested (RFC 7519 §5.2)", tokentest.Mint(t, tokentest.NewKey(t, "HS256", ""), tokentest.Claims(now, nil)), invalid},
		{"array of claims", "[" + claimsJSON(t, nil) + "]", invalid},
		{"trailing object", claimsJSON(t, nil) + "{}", invalid},
		{"trailing garbage", claimsJSON(t, nil) + "x", invalid},
		{"trailing space", claimsJSON(t, nil) + "\n", nil},
		{"byte order mark", "\xef\xbb\xbf" + claimsJSON(t, nil), invalid},
		{"invalid UTF-8 in a claim", with(t, "\"x\":\"\xff\""), invalid},
		{"duplicates of no meaning", with(t, `"a":1,"a":1`), invalid},
		{"duplicates of no meaning in other case", with(t, `"a":1,"A":2`), nil},
		{"duplicates below the top level", with(t, `"a":{"b":1,"b":2,"B":3}`), nil},
		{"deepest", with(t, `"a":`+nested(strictjson.MaxDepth-1)), nil},
		{"too deep", with(t, `"a":`+nested(strictjson.MaxDepth)), invalid},
		{"unknown claims", with(t, `"a":null,"b":{"c":[1]},"":""`), nil},
	})
}
