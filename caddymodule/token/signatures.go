package token

import (
	"crypto"
	"fmt"
	"slices"
)

// Signatures verify JSON Web Signatures (RFC 7515) by the keys of one issuer,
// and know nothing of what is signed. It is what a Verifier lets a token pass
// before it believes a claim. Its methods may be called concurrently.
type Signatures struct {
	keys    KeySource
	allowed []*algorithm
}

// NewSignatures accepts signatures by these keys and algorithms, which go by
// their names of RFC 7518; none given means all that the keys can verify. An
// algorithm that is unknown, or that no key can verify, is an error.
func NewSignatures(keys KeySource, algorithms ...string) (*Signatures, error) {
	allowed := keys.possible()
	if len(algorithms) > 0 {
		var err error
		if allowed, err = allowedAlgorithms(algorithms, allowed); err != nil {
			return nil, err
		}
	}
	return &Signatures{keys: keys, allowed: allowed}, nil
}

func allowedAlgorithms(names []string, possible []*algorithm) ([]*algorithm, error) {
	var allowed []*algorithm
	for _, name := range names {
		a, known := algorithmNamed(name)
		switch {
		case !known:
			return nil, fmt.Errorf("checking algorithms: %q is not one of HS, RS, PS and ES 256-512 and EdDSA", name)
		case !slices.Contains(possible, a):
			return nil, fmt.Errorf("checking algorithms: %s does not fit the keys", name)
		}
		allowed = append(allowed, a)
	}
	return allowed, nil
}

// Verify returns the payload of a JWS in compact form whose signature is good.
// The types are the values of `typ` that it may have, "" standing for none
// declared: who expects one kind of token must not be handed another (RFC 8725
// §3.11). Errors wrap ErrMalformed, ErrInvalid or ErrUnavailable.
//
// That the payload is genuine says neither whom it is for nor that it is still
// good.
func (s *Signatures) Verify(raw string, types ...string) (payload []byte, err error) {
	j, err := parseJWS(raw, types)
	if err != nil {
		return nil, err
	}
	if err := s.verify(j); err != nil {
		return nil, err
	}
	return j.decodePayload()
}

// verify checks the signature.
//
// Invariant 3: the algorithm and the key come from configuration and
// `kid`, never from the token alone. The token's `alg` only picks among those
// allowed, and a key is tried only with the algorithms of its type, so a public
// key is never a secret.
func (s *Signatures) verify(j jws) error {
	a := s.allows(j.header.algorithm)
	if a == nil {
		return errAlgorithm
	}
	signature, err := decode("signature", j.signature)
	if err != nil {
		return err
	}
	keys, err := s.keys.find(j.header.keyID, a)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if a.method.Verify(j.signed, signature, crypto.PublicKey(key)) == nil {
			return j.header.checkNames()
		}
	}
	s.keys.doubt()
	return refuse("signature does not verify")
}

// allows returns the algorithm of that name, nil if it is not allowed.
func (s *Signatures) allows(name string) *algorithm {
	for _, a := range s.allowed {
		if a.name == name {
			return a
		}
	}
	return nil
}

var errAlgorithm = refuse("alg is not allowed")
