package token

import (
	"fmt"
	"slices"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// Signatures verify JSON Web Signatures (RFC 7515) by the keys of one issuer, and know
// nothing of what is signed. A Verifier believes no claim before a token has passed
// them. Their methods may be called concurrently.
type Signatures struct {
	source  keys.Source
	allowed []string
}

// NewSignatures accepts signatures by these keys and algorithms, which go by
// their names of RFC 7518; none given means all that the keys can verify. An
// algorithm that is unknown, or that no key can verify, is an error.
func NewSignatures(source keys.Source, algorithms ...string) (*Signatures, error) {
	possible := source.Algorithms()
	for _, name := range algorithms {
		switch {
		case !keys.IsAlgorithm(name):
			return nil, fmt.Errorf("checking algorithms: %q is not one of HS, RS, PS and ES 256-512 and EdDSA", name)
		case !slices.Contains(possible, name):
			return nil, fmt.Errorf("checking algorithms: %s does not fit the keys", name)
		}
	}
	if len(algorithms) == 0 {
		algorithms = possible
	}
	return &Signatures{source: source, allowed: slices.Clone(algorithms)}, nil
}

// Verify returns the payload of a JWS in compact form whose signature is good.
// The types are the values of `typ` that it may have, "" standing for none
// declared: a reader of one kind of token must not be handed another (RFC 8725
// §3.11). Errors wrap ErrMalformed, ErrInvalid or ErrUnavailable.
//
// A good signature says neither whom the payload is for nor that it is still
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
// allowed, and the source tries a key with the algorithms of its type only, so a
// public key is never a secret.
func (s *Signatures) verify(j jws) error {
	if !s.allows(j.header.algorithm) {
		return errAlgorithm
	}
	signature, err := decode("signature", j.signature)
	if err != nil {
		return err
	}
	if err := s.source.Verify(keys.Signature{
		Algorithm: j.header.algorithm, KeyID: j.header.keyID, Input: j.signed, Value: signature,
	}); err != nil {
		return err
	}
	return j.header.checkNames()
}

// allows reports whether the issuer may use the algorithm.
func (s *Signatures) allows(algorithm string) bool { return slices.Contains(s.allowed, algorithm) }

var errAlgorithm = refuse("alg is not allowed")
