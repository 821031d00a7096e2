package token_test

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Claims that nobody has verified are read for people, from tokens of other issuers, too, and
// only if a text is short and has no control characters.
func TestUnverifiedClaimsAreRead(t *testing.T) {
	v, key := hmacVerifier(t)
	forged := &tokentest.Key{Algorithm: "HS256", Secret: []byte(strings.Repeat("other", 8))}
	claims := map[string]any{"iss": "https://evil", "sub": "alice", "sid": "s", "jti": "j", "iat": 100, "exp": 200.5}
	want := token.Unverified{Issuer: "https://evil", Subject: "alice", SessionID: "s", TokenID: "j", IssuedAt: 100, ExpiresAt: 200}
	for _, signer := range []*tokentest.Key{key, forged} {
		if got, ok := v.ReadUnverified(tokentest.Mint(t, signer, claims)); got != want || !ok {
			t.Errorf("read %+v, %t, want %+v", got, ok, want)
		}
	}
	hostile := map[string]any{"iss": strings.Repeat("i", 2000), "sub": "a\x1b[2J", "sid": []string{"s"}, "jti": map[string]any{}, "iat": "now", "exp": -1}
	if got, ok := v.ReadUnverified(tokentest.Mint(t, forged, hostile)); got != (token.Unverified{}) || !ok {
		t.Errorf("read %+v, %t, want nothing", got, ok)
	}
	for _, raw := range []string{"", "a.b.c", "e30.e30", tokentest.Seal(t, key, `{"alg":"HS256"}`, `[]`), tokentest.Seal(t, key, `{"alg":"HS256"}`, `{"sub":"a","SUB":"b"}`)} {
		if got, ok := v.ReadUnverified(raw); ok {
			t.Errorf("%q: read %+v", raw, got)
		}
	}
}
