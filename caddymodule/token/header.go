package token

import "github.com/sessiongate/sessiongate/caddymodule/strictjson"

// header holds the members of the JOSE header (RFC 7515 §4) that choose among the allowed
// algorithms and the configured keys. It ignores `jku`, `jwk`, `x5u` and `x5c`, by which a
// token would bring its own key.
type header struct {
	algorithm string
	keyID     string // "" for none
	typ       string // in its original spelling
	typed     bool   // whether there is a `typ` that is not empty
	// whole is the whole header, for checkNames.
	whole strictjson.Object
}

func parseHeader(part string) (h header, err error) {
	decoded, err := decode("header", part)
	if err != nil {
		return h, err
	}
	if h.whole, err = parseObject("header", decoded); err != nil {
		return h, err
	}
	first := h.whole.First("crit", "b64", "typ", "alg", "kid")
	// RFC 7515 §4.1.11: a reader must refuse a critical extension that it does not
	// understand. The gate understands none. RFC 7797's `b64` changes the signing input.
	switch {
	case first[0] != nil:
		return h, refuse("header holds crit")
	case first[1] != nil:
		return h, refuse("header holds b64")
	}
	if h.typ, _, err = textOf("typ", first[2]); err != nil {
		return h, err
	}
	h.typed = h.typ != ""
	algorithm, ok, err := textOf("alg", first[3])
	if err != nil {
		return h, err
	}
	if !ok {
		return h, refuse("alg is missing")
	}
	h.algorithm = algorithm
	h.keyID, _, err = textOf("kid", first[4])
	return h, err
}

// checkNames refuses a header with a duplicate name. Another reader could find another
// algorithm or key in it.
func (h header) checkNames() error {
	_, err := membersOf("header", h.whole)
	return err
}
