package oauth_test

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/oauth"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Attack: a revoked JWT refresh token with another signature that is valid, too.
func TestATokenHasOneNameWhateverItsSignature(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "")
	raw := tokentest.Mint(t, key, tokentest.Claims(time.Now(), nil))
	for name, same := range map[string]string{
		"the twin of ECDSA": key.Twin(t, raw),
		"no signature":      raw[:strings.LastIndexByte(raw, '.')+1],
		"another signature": raw[:strings.LastIndexByte(raw, '.')+1] + "eHh4",
	} {
		if oauth.Name(same) != oauth.Name(raw) {
			t.Errorf("%s has another name", name)
		}
	}
	sealed := "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXY.Y2lwaGVyZw."
	names := map[string]string{oauth.Name(raw): "the token"}
	for name, other := range map[string]string{
		"another payload":            tokentest.Mint(t, key, tokentest.Claims(time.Now(), map[string]any{"jti": "2"})),
		"another header":             tokentest.Mint(t, key, tokentest.Claims(time.Now(), nil), map[string]any{"typ": "x"}),
		"an opaque token":            "8xLOxBtZp8",
		"its signed part":            strings.ReplaceAll(raw, ".", "-"),
		"an empty token":             "",
		"opaque, with dots":          "a.b.c",
		"another with dots":          "a.b.d",
		"a long one":                 "a.b." + strings.Repeat("c", 5000),
		"a longer one":               "a.b." + strings.Repeat("c", 5001),
		"an encrypted one":           sealed + "dGFn",
		"an encrypted one, other":    sealed + "dGFo",
		"a JSON object of a service": "eyJpZCI6MX0.a",
	} {
		if twin, found := names[oauth.Name(other)]; found {
			t.Errorf("%s has the name of %s", name, twin)
		}
		names[oauth.Name(other)] = name
	}
}

// Attack: a revoked opaque refresh token in another letter case, sent to an endpoint
// that decodes hexadecimal digits, or whose database ignores case.
func TestAnOpaqueTokenHasOneNameInEitherCase(t *testing.T) {
	for _, token := range []string{
		"def50200" + strings.Repeat("9c1f7ab3", 80), "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "ory_rt_MDEyMzQ1Njc4OTAxMjM0NQ.YWJj",
	} {
		for _, spelling := range []string{strings.ToUpper(token), strings.ToUpper(token[:4]) + token[4:]} {
			if oauth.Name(spelling) != oauth.Name(token) {
				t.Errorf("%s has another name than %s", spelling, token)
			}
		}
	}
}

// Random tokens do not share a name, in any of the usual alphabets.
func TestRandomTokensHaveNamesOfTheirOwn(t *testing.T) {
	seen := make(map[string]string)
	for range 20_000 {
		var random [16]byte
		_, _ = rand.Read(random[:]) // never fails
		for _, token := range []string{base64.RawURLEncoding.EncodeToString(random[:]), hex.EncodeToString(random[:]), rand.Text()} {
			if other, found := seen[oauth.Name(token)]; found {
				t.Errorf("%s and %s have one name", token, other)
			}
			seen[oauth.Name(token)] = token
		}
	}
}
