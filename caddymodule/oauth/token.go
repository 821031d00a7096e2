package oauth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
)

// Name is what a token is known by: a SHA-256 in hex. Of a JSON Web Signature it is
// that of the signing input; of a JSON Web Encryption that of the header, the
// initialization vector and the ciphertext, decoded; of any other token that of its
// ASCII letters and digits without regard to case, or of the whole if it has none.
//
// Tokens that were made at random do not share a name by chance: of base64url five
// sixths of the entropy stay, of hex, UUIDs and decimals all, so of 128 bits 106 at
// the least. Those that do share one are revoked together.
//
// Attack: a revoked refresh token that is written otherwise. Lenient decoders take
// it for the same with spare bits set in its signature, with padding, in the other
// alphabet of base64, or with any character between; a database may find it in
// capitals, and a reader of UUIDs without hyphens, in braces, or behind urn:uuid.
func Name(token string) string {
	text := token
	kind := form(token)
	switch parts := strings.Split(token, "."); kind {
	case signed:
		text = parts[0] + "." + parts[1]
	case encrypted:
		// The wrapped key says nothing that they do not, and the tag follows from it.
		text = parts[0] + "." + octets(parts[2]) + "." + octets(parts[3])
	default:
		text = letters(token)
	}
	sum := sha256.Sum256([]byte(string(kind) + "\x00" + text))
	return hex.EncodeToString(sum[:])
}

// The forms of tokens.
type tokenForm string

const (
	opaque    tokenForm = "opaque"
	signed    tokenForm = "jws" // RFC 7515 §7.1
	encrypted tokenForm = "jwe" // RFC 7516 §7.1
)

// form tells what a token is by its header (RFC 7515 §4.1.1, RFC 7516 §4.1.2).
func form(token string) tokenForm {
	first, rest, _ := strings.Cut(token, ".")
	decoded, err := base64.RawURLEncoding.DecodeString(first)
	var header struct {
		Algorithm  string `json:"alg"`
		Encryption string `json:"enc"`
	}
	dots := strings.Count(rest, ".")
	switch {
	case err != nil || json.Unmarshal(decoded, &header) != nil || header.Algorithm == "":
		return opaque
	case header.Encryption == "" && dots >= 1:
		return signed
	case header.Encryption != "" && dots >= 3:
		return encrypted
	}
	return opaque
}

// octets is what a lenient decoder makes of a part in base64: it skips what it does
// not know, and does not look at spare bits.
func octets(part string) string {
	text := encoded(part)
	if len(text)%4 == 1 {
		text = text[:len(text)-1]
	}
	decoded, _ := base64.RawURLEncoding.DecodeString(text) // whatever is left can be decoded
	return hex.EncodeToString(decoded)
}

// letters are the ASCII letters and digits of a text in lower case, without what
// some readers of UUIDs leave out; or the text if it has none.
func letters(text string) string {
	plain := strings.ReplaceAll(strings.ReplaceAll(strings.ToLower(text), "urn:", ""), "uuid:", "")
	plain = strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' {
			return c
		}
		return -1
	}, plain)
	if plain == "" {
		return text
	}
	return plain
}

// brokenRule returns the rule that a token breaks, in a request or in an answer, or "".
func brokenRule(token string) string {
	switch {
	case !isVisible(token):
		return "a token with characters that no token has"
	case isRespelt(token):
		return "a signed or encrypted token in another spelling than its own"
	}
	return ""
}

// isVisible reports whether a token is of visible characters, with blanks at most
// inside (RFC 6749 §A.17).
//
// Attack: a revoked refresh token with a blank or a line break at its end, which is
// another token here and is trimmed behind the gate.
func isVisible(token string) bool {
	for i := range len(token) {
		if c := token[i]; c < ' ' || c > '~' {
			return false
		}
	}
	return strings.Trim(token, " ") == token
}
