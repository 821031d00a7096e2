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

// The attack: a revoked refresh token in another spelling, which lenient decoders
// take for the same. P40.
func TestSpellingsOfASignatureHaveOneName(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "")
	raw := tokentest.Mint(t, key, tokentest.Claims(time.Now(), nil))
	for name, spelling := range map[string]string{
		"the twin of ECDSA": key.Twin(t, raw),
		"padding":           raw + "==",
		"a spare bit":       raw[:len(raw)-1] + string(raw[len(raw)-1]+1),
		"another signature": raw + "x.y",
	} {
		if oauth.Name(spelling) != oauth.Name(raw) {
			t.Errorf("%s has another name", name)
		}
	}
	for name, other := range map[string]string{
		"another payload":   tokentest.Mint(t, key, tokentest.Claims(time.Now(), map[string]any{"jti": "2"})),
		"another header":    tokentest.Mint(t, key, tokentest.Claims(time.Now(), nil), map[string]any{"typ": "x"}),
		"no signature":      raw[:strings.LastIndexByte(raw, '.')],
		"an opaque token":   "8xLOxBtZp8",
		"its signed part":   strings.ReplaceAll(raw, ".", "-"),
		"an empty token":    "",
		"opaque, with dots": "a.b.c",
	} {
		if oauth.Name(other) == oauth.Name(raw) && name != "no signature" {
			t.Errorf("%s has the same name", name)
		}
	}
	if oauth.Name("a.b.c") == oauth.Name("a.b.d") {
		t.Error("two opaque tokens with dots have one name")
	}
}

// The attack: a revoked encrypted refresh token with spare bits, padding or foreign
// characters in a part, or with its key wrapped anew.
func TestSpellingsOfAnEncryptedTokenHaveOneName(t *testing.T) {
	const header = "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTI4R0NNIn0"
	const raw = header + ".a2V5.aXY.Y2lwaGVy_w.dGFnZw"
	for _, spelling := range []string{
		header + ".a2V5.aXZ.Y2lwaGVy_w.dGFnZw", header + ".a2V5.aXY=.Y2lwaGVy/x==.dGFnZw==", header + ".a2V5.aX!Y.Y2lw\\aGVy_w.dGFnZx",
		header + ".a2W5.aXY.Y2lwaGVy_w.dGFnZw", header + ".a2V5.aXY.Y2lwaGVy_w.dGFnZw.",
	} {
		if oauth.Name(spelling) != oauth.Name(raw) {
			t.Errorf("%s has another name than %s", spelling, raw)
		}
	}
	for _, other := range []string{
		header + ".a2V5.aXY.Z2lwaGVy_w.dGFnZw", header + ".a2V5.aXc.Y2lwaGVy_w.dGFnZw", header + ".a2V5.aXY.Y2lwaGVyw.dGFnZw",
		"eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMTkyR0NNIn0.a2V5.aXY.Y2lwaGVy_w.dGFnZw",
	} {
		if oauth.Name(other) == oauth.Name(raw) {
			t.Errorf("%s has the name of %s", other, raw)
		}
	}
}

// The attack: a revoked opaque refresh token in capitals, in the other alphabet of
// base64, with characters that decoders skip, or a UUID in another form.
func TestSpellingsOfAnOpaqueTokenHaveOneName(t *testing.T) {
	for written, spellings := range map[string][]string{
		"r1ab-cd_e":                            {"r1ab+cd/e", "R1AB-CD_E", "r1ab!-cd_e", "r1ab -cd_e=", "r1.ab-cd_e"},
		"9f86d081884c7d659a2feaa0c55ad015":     {"9F86D081884C7D659A2FEAA0C55AD015", "9f86:d081884c7d659a2feaa0c55ad015"},
		"3f2504e0-4f89-41d3-9a0c-0305e82c3301": {"3F2504E04F8941D39A0C0305E82C3301", "{3f2504e0-4f89-41d3-9a0c-0305e82c3301}", "urn:uuid:3f2504e0-4f89-41d3-9a0c-0305e82c3301", "uurn:uid:3f2504e04f8941d39a0c0305e82c3301"},
	} {
		for _, spelling := range spellings {
			if oauth.Name(spelling) != oauth.Name(written) {
				t.Errorf("%s has another name than %s", spelling, written)
			}
		}
	}
	if oauth.Name("--") == oauth.Name("__") {
		t.Error("two tokens without letters have one name")
	}
}

// What is made at random does not share a name, in any of the usual alphabets.
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
