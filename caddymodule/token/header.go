package token

// header is what the JOSE header (RFC 7515 §4) may decide: which of the allowed
// algorithms and which of the configured keys to use. `jku`, `jwk`, `x5u` and
// `x5c` are keys by the token's own word and are never looked at.
type header struct {
	algorithm string
	keyID     string // "" for none
	typ       string // as it stands there
	typed     bool   // whether there is a `typ`
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
	typ, typed, err := m.text("typ")
	if err != nil {
		return header{}, err
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
	return header{algorithm: algorithm, keyID: keyID, typ: typ, typed: typed}, nil
}
