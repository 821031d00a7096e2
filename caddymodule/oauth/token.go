package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// Name is what a token is known by: a SHA-256 in hex. Of a token in the form of a
// JSON Web Signature it is that of the signing input, of others that of the whole,
// without regard to case.
//
// Attack: a revoked refresh token whose signature is written otherwise, with spare
// bits set or padding, which lenient decoders take for the same; or a token in
// capitals, which a database may find all the same. Two tokens that differ in case
// only were never made at random.
func Name(token string) string {
	kind, text := "opaque", strings.ToLower(token)
	if header, rest, ok := strings.Cut(token, "."); ok && isJOSE(header) {
		if payload, _, ok := strings.Cut(rest, "."); ok {
			kind, text = "jws", token[:len(header)+1+len(payload)]
		}
	}
	sum := sha256.Sum256([]byte(kind + "\x00" + text))
	return hex.EncodeToString(sum[:])
}

// isJOSE reports whether a text is the header of a JSON Web Signature (RFC 7515
// §4.1.1). That of an encrypted token has an algorithm, too, and what `enc` names
// is all that its ciphertext is bound to: it is known by the whole.
func isJOSE(part string) bool {
	decoded, err := base64.RawURLEncoding.DecodeString(part)
	var header struct {
		Algorithm  string `json:"alg"`
		Encryption string `json:"enc"`
	}
	return err == nil && json.Unmarshal(decoded, &header) == nil && header.Algorithm != "" && header.Encryption == ""
}
