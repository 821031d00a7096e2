package token

import (
	"strings"
)

// header is what the JOSE header (RFC 7515 §4) may decide: which of the allowed
// algorithms and which of the configured keys to use. `jku`, `jwk`, `x5u` and
// `x5c` are keys by the token's own word and are never looked at.
type header struct {
	algorithm string
	keyID     string // "" for none
}

func parseHeader(part string) (header, error) {
	decoded, err := decode("header", part)
	if err != nil {
		return header{}, err
	}
	m, err := scanMembers("header", decoded)
	if err != nil {
		return header{}, err
	}
	// RFC 7515 §4.1.11: who does not understand a critical extension must
	// refuse. No extension is understood here, and RFC 7797's `b64` changes
	// what is signed.
	for _, name := range []string{"crit", "b64"} {
		if _, ok := m.find(name); ok {
			return header{}, refuse("header holds " + name)
		}
	}
	typ, hasType, err := m.text("typ")
	if err != nil {
		return header{}, err
	}
	if hasType && !isAccessTokenType(typ) {
		return header{}, refuse("typ is neither JWT nor at+jwt")
	}
	algorithm, ok, err := m.text("alg")
	if err != nil {
		return header{}, err
	}
	if !ok {
		return header{}, refuse("alg is missing")
	}
	keyID, _, err := m.text("kid")
	if err != nil {
		return header{}, err
	}
	return header{algorithm: algorithm, keyID: keyID}, nil
}

// isAccessTokenType tells access tokens (RFC 9068 §2.1) and tokens of no
// declared kind from logout tokens, DPoP proofs and the like (RFC 8725 §3.11).
// Media types are compared without regard to case (RFC 7515 §4.1.9).
func isAccessTokenType(typ string) bool {
	const prefix = "application/"
	if len(typ) > len(prefix) && strings.EqualFold(typ[:len(prefix)], prefix) {
		typ = typ[len(prefix):]
	}
	return strings.EqualFold(typ, "JWT") || strings.EqualFold(typ, "at+jwt")
}
