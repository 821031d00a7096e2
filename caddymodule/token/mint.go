package token

import (
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// MintHMAC makes a token of these claims, signed with HS256, for development
// and for trying out a gate. The secret has at least MinSecretSize bytes.
// Nothing is added to the claims.
func MintHMAC(secret []byte, claims map[string]any) (string, error) {
	if len(secret) < MinSecretSize {
		return "", fmt.Errorf("minting token: secret of %d bytes, want %d or more", len(secret), MinSecretSize)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("minting token: %w", err)
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." +
		base64.RawURLEncoding.EncodeToString(payload)
	signature, err := jwt.SigningMethodHS256.Sign(signed, secret)
	if err != nil {
		return "", fmt.Errorf("minting token: %w", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
