package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// MintHMAC returns a token with exactly these claims, signed with HS256. It is for
// development and for trying a gate out. The secret has at least keys.MinSecretSize bytes.
func MintHMAC(secret []byte, claims map[string]any) (string, error) {
	if len(secret) < keys.MinSecretSize {
		return "", fmt.Errorf("minting token: secret of %d bytes, want %d or more", len(secret), keys.MinSecretSize)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("minting token: %w", err)
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(payload)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)), nil
}
