package tokentest

import (
	"encoding/json"
	"maps"
	"testing"
	"time"
)

// The issuer and the audience of Claims.
const (
	Issuer   = "https://id.example.com"
	Audience = "legacy-app"
)

// Claims returns a complete claims set that was issued at now and lasts five
// minutes, with the changes given: a nil value leaves the claim out.
func Claims(now time.Time, changes map[string]any) map[string]any {
	return merge(map[string]any{
		"iss": Issuer,
		"aud": Audience,
		"sub": "alice",
		"sid": "session-1",
		"jti": "token-1",
		"iat": now.Unix(),
		"exp": now.Add(5 * time.Minute).Unix(),
	}, changes)
}

// Mint returns a token of these claims, signed by the key. The header holds
// `alg`, `typ` and the key's `kid`, with the changes given: a nil value leaves
// the member out.
func Mint(t testing.TB, key *Key, claims map[string]any, header ...map[string]any) string {
	t.Helper()
	full := map[string]any{"alg": key.Algorithm, "typ": "JWT"}
	if key.ID != "" {
		full["kid"] = key.ID
	}
	for _, changes := range header {
		full = merge(full, changes)
	}
	return Seal(t, key, marshal(t, full), marshal(t, claims))
}

// Seal returns a token of exactly this header and payload, signed by the key.
func Seal(t testing.TB, key *Key, header, payload string) string {
	t.Helper()
	signed := encode([]byte(header)) + "." + encode([]byte(payload))
	return signed + "." + encode(key.Sign(t, signed))
}

func merge(base, changes map[string]any) map[string]any {
	base = maps.Clone(base)
	for name, value := range changes {
		if value == nil {
			delete(base, name)
		} else {
			base[name] = value
		}
	}
	return base
}

func marshal(t testing.TB, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatalf("encoding JSON: %v", err)
	}
	return string(text)
}
