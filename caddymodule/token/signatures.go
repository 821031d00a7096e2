package token

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// Signatures verifies JSON Web Signatures (RFC 7515) with the keys of one issuer. It knows
// nothing about the signed contents. A Verifier trusts no claim before a token has passed
// it. Its methods may be called concurrently.
type Signatures struct {
	source  keys.Source
	allowed []string
}

// NewSignatures returns a Signatures for these keys and these algorithms, named as in RFC
// 7518. No names mean all algorithms that the keys can verify. An algorithm that is
// unknown, or that no key can verify, is an error.
func NewSignatures(source keys.Source, algorithms ...string) (*Signatures, error) {
	possible := source.Algorithms()
	for _, name := range algorithms {
		switch {
		case !keys.IsAlgorithm(name):
			return nil, fmt.Errorf("checking algorithms: %q is not one of HS, RS, PS and ES 256-512, EdDSA and Ed25519", name)
		case !slices.Contains(possible, name):
			return nil, fmt.Errorf("checking algorithms: %s does not fit the keys, which can verify %s; leave algorithms out to accept all of these",
				name, strings.Join(possible, ", "))
		}
	}
	if len(algorithms) == 0 {
		algorithms = possible
	}
	return &Signatures{source: source, allowed: slices.Clone(algorithms)}, nil
}

// Verify returns the payload of a JWS in compact form whose signature is valid. types are
// the accepted values of `typ`; "" stands for a header without `typ`. A reader of one kind
// of token must not receive another kind (RFC 8725 §3.11). Errors wrap ErrMalformed,
// ErrInvalid or ErrUnavailable.
//
// A valid signature says neither who the payload is for nor whether it is still valid.
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
// Invariant 3: the algorithm and the key come from configuration and `kid`, never from the
// token alone. The token's `alg` only chooses among the allowed algorithms. The source uses
// a key only with the algorithms of its type, so a public key is never used as a secret.
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

var errAlgorithm = refuse("alg is not allowed; algorithms lists those that are, and each has to fit a key of the issuer (hmac_secret for HS)")
