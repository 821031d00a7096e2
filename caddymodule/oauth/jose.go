package oauth

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// A token in the compact form of JOSE has this many parts.
const (
	signedParts    = 3 // RFC 7515 §7.1
	encryptedParts = 5 // RFC 7516 §7.1
)

// compactParts returns how many parts a token must have, if a lenient decoder could read it
// as a JSON Web Signature or a JSON Web Encryption. It is 0 for other tokens.
//
// The decoder here is as lenient as the worst one. It reads both alphabets of base64, and
// skips all other characters and empty parts at the beginning. It reads each object with
// the member `alg` as a header.
func compactParts(token string) int {
	first, _, dotted := strings.Cut(strings.TrimLeftFunc(token, isSkipped), ".")
	if !dotted {
		return 0
	}
	header := bytes.TrimLeft(decodeLeniently(first), " \t\r\n")
	switch {
	case !bytes.HasPrefix(header, []byte("{")) || !bytes.Contains(header, []byte(`"alg"`)):
		return 0
	case bytes.Contains(header, []byte(`"enc"`)): // RFC 7516 §4.1.2
		return encryptedParts
	default:
		return signedParts
	}
}

// isJOSE reports whether a lenient decoder could read a token as a signed or an encrypted
// one. The token may have the compact form, in which some endpoints decode percent escapes
// and plus signs once more. It may be in JSON (RFC 7515 §7.2, RFC 7516 §7.2).
//
// Attack: send the parts of a revoked JWT as members of a JSON object. go-jose, node-jose
// and jwcrypto, among others, read it as well.
func isJOSE(token string) bool {
	return compactParts(token) != 0 || strings.HasPrefix(token, `{"`) ||
		strings.ContainsAny(token, "%+") && compactParts(unescape(token)) != 0
}

// isRespelt reports whether a lenient decoder could take a token for a signed or an
// encrypted one, although it does not have the form of the standards: base64url without
// padding and without spare bits, with the right number of parts.
//
// Attack: a JWT refresh token of a revoked subject, with padding behind it or with
// spare bits in the last character of its signature. The gate has not seen it in a
// response, cannot verify this spelling, and would treat it as an unknown opaque token.
// The endpoint decodes the same signature.
func isRespelt(token string) bool {
	want := compactParts(token)
	if want == 0 {
		return isJOSE(token)
	}
	parts := strings.SplitN(token, ".", want+1)
	if len(parts) != want {
		return true
	}
	for _, part := range parts {
		if !isBase64URL(part) {
			return true
		}
	}
	// A detached signature has its payload in another place (RFC 7515, appendix F).
	return want == signedParts && parts[1] == ""
}

// isBase64URL reports whether a text without line breaks is the only spelling of some
// octets in base64url. The decoder skips line breaks even in its strict mode; isVisible
// refuses them first.
func isBase64URL(text string) bool {
	_, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil
}

// decodeLeniently decodes base64 in either alphabet, and skips other characters.
func decodeLeniently(text string) []byte {
	kept := strings.Map(func(c rune) rune {
		switch {
		case isSkipped(c):
			return -1
		case c == '+':
			return '-'
		case c == '/':
			return '_'
		}
		return c
	}, text)
	decoded, _ := base64.RawURLEncoding.DecodeString(kept) // all but a last character that stands alone
	return decoded
}

// isSkipped reports whether a character is in neither alphabet of base64.
func isSkipped(c rune) bool {
	return ('A' > c || c > 'Z') && ('a' > c || c > 'z') && ('0' > c || c > '9') && !strings.ContainsRune("-_+/", c)
}
