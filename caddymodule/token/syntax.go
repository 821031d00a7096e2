package token

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/credential"
)

// parts are the three texts of a JWS in compact form (RFC 7515 §7.1), still
// encoded.
type parts struct {
	header, payload, signature string
	// signed is the signing input: header, dot, payload.
	signed string
}

// split cuts a token into its parts. Errors wrap ErrMalformed.
//
// It is strict about the alphabet because the decoder is not: encoding/base64
// ignores CR and LF even in strict mode.
func split(raw string) (parts, error) {
	if len(raw) > credential.MaxSize {
		return parts{}, errTooLong
	}
	for i := range len(raw) {
		if !inAlphabet[raw[i]] {
			return parts{}, errAlphabet
		}
	}
	header, rest, _ := strings.Cut(raw, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	if header == "" || payload == "" || signature == "" || strings.IndexByte(signature, '.') >= 0 {
		return parts{}, errParts
	}
	signed := raw[:len(header)+1+len(payload)]
	return parts{header: header, payload: payload, signature: signature, signed: signed}, nil
}

// jws is a JSON Web Signature in its parts. It is not verified, so it must not be trusted
// yet.
type jws struct {
	header    header
	payload   string // still encoded
	signature string // still encoded
	signed    string // the signing input
}

// parseJWS splits and decodes a JWS of one of the types (header.isOneOf).
func parseJWS(raw string, types []string) (jws, error) {
	j, err := parseAnyJWS(raw)
	if err != nil {
		return jws{}, err
	}
	if !j.header.isOneOf(types) {
		return jws{}, refuse("typ is that of another kind of token")
	}
	return j, nil
}

// parseAnyJWS is parseJWS for every type.
func parseAnyJWS(raw string) (jws, error) {
	p, err := split(raw)
	if err != nil {
		return jws{}, err
	}
	h, err := parseHeader(p.header)
	if err != nil {
		return jws{}, err
	}
	return jws{header: h, payload: p.payload, signature: p.signature, signed: p.signed}, nil
}

func (j jws) decodePayload() ([]byte, error) { return decode("payload", j.payload) }

// inAlphabet holds base64url (RFC 4648 §5) and the dot.
var inAlphabet = func() (in [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_." {
		in[c] = true
	}
	return in
}()

// decode decodes one part. It refuses padding, and spare bits that are not zero: with them
// one token would have up to sixteen spellings.
func decode(name, part string) ([]byte, error) {
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(part)
	if err != nil {
		return nil, refuse(name + " is not base64url")
	}
	return decoded, nil
}

var (
	errAlphabet = fmt.Errorf("splitting token: a character outside base64url: %w", ErrMalformed)
	errTooLong  = fmt.Errorf("splitting token: longer than %d bytes: %w", credential.MaxSize, ErrMalformed)
	errParts    = fmt.Errorf("splitting token: not three parts, so it is opaque or encrypted, or no token at all; let the issuer issue signed JWTs: %w", ErrMalformed)
)
