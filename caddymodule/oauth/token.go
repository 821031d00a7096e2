package oauth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// MaxTokenSize is the longest token that is read in a request, and the longest refresh token,
// in bytes. MaxAccessTokenSize is the longest access token and ID token in an answer.
const (
	MaxTokenSize       = 8 << 10
	MaxAccessTokenSize = 64 << 10
)

// Name returns the SHA-256 in hex by which the gate identifies a token. It is the hash of
// the token's text without regard to letter case. For a JSON Web Signature it is the hash
// of the signing input, because some algorithms have two valid signatures for each input.
//
// Random tokens do not share a name by chance: base64url keeps five sixths of its
// entropy in one letter case, and hexadecimal digits keep all.
//
// Attack: send a revoked JWT refresh token with its other valid ECDSA signature. Or send a
// revoked opaque token in capitals. Laravel Passport decodes hexadecimal digits of either
// case, and MySQL by default compares text without regard to case.
func Name(token string) string {
	kind, text := "opaque", strings.ToLower(token)
	if compactParts(token) == signedParts {
		kind, text = "jws", token[:max(0, strings.LastIndexByte(token, '.'))]
	}
	sum := sha256.Sum256([]byte(kind + "\x00" + text))
	return hex.EncodeToString(sum[:])
}

// brokenRule returns the rule that a token breaks, in a request or in an answer, or "". Its
// size is at most longest.
func brokenRule(token string, longest int) string {
	switch {
	case len(token) > longest:
		return fmt.Sprintf("a token of more than %d KiB", longest>>10)
	case !isVisible(token):
		return "a token with characters that tokens may not have"
	case isRespelt(token):
		return "a signed or encrypted token in another spelling than the standard one"
	}
	return ""
}

// isVisible reports whether a token has visible characters only, except for blanks inside
// (RFC 6749 §A.17).
//
// Attack: send a revoked refresh token with a blank or a line break at its end. For the
// gate it is another token, and the upstream trims it.
func isVisible(token string) bool {
	for i := range len(token) {
		if c := token[i]; c < ' ' || c > '~' {
			return false
		}
	}
	return strings.Trim(token, " ") == token
}
