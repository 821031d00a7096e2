package oauth_test

import (
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
	const encrypted = "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..aXY.Y2lwaGVy.dGFn"
	if oauth.Name(encrypted) == oauth.Name(strings.Replace(encrypted, "Y2lw", "Z2lw", 1)) {
		t.Error("two encrypted tokens have one name")
	}
}
