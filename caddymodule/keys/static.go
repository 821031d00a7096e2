package keys

import (
	"bytes"
	"fmt"
	"slices"
)

// MinSecretSize is the shortest HMAC secret accepted, in bytes.
const MinSecretSize = 32

// NewHMAC returns a source of one secret or, while it is being rotated, of two. It accepts
// signatures by either and ignores `kid`. Each secret has at least MinSecretSize bytes.
// RFC 7518 §3.2 wants as many bytes as the hash has: 48 for HS384 and 64 for HS512. A
// shorter one is accepted and is as strong as its own length. A text that looks like a PEM
// file or a key set is refused, and so is a public key in another form, because a public key as the
// secret would let everybody sign.
func NewHMAC(secrets ...[]byte) (Source, error) {
	if len(secrets) < 1 || len(secrets) > 2 {
		return nil, fmt.Errorf("reading HMAC secrets: %d given, want one or two", len(secrets))
	}
	var keys static
	for i, secret := range secrets {
		if len(secret) < MinSecretSize {
			return nil, fmt.Errorf("reading HMAC secret %d: %d bytes, want %d or more; let the issuer sign with a longer one, and name it here", i+1, len(secret), MinSecretSize)
		}
		if bytes.Contains(secret, []byte("-----BEGIN ")) {
			return nil, fmt.Errorf("reading HMAC secret %d: it is a PEM file; use it as a public key", i+1)
		}
		if _, isSet := keysOf(secret); isSet == nil {
			return nil, fmt.Errorf("reading HMAC secret %d: it is a key set; use it as jwks_file", i+1)
		}
		if isPublic(secret) {
			return nil, fmt.Errorf("reading HMAC secret %d: it is a public key or a certificate; use a PEM file of it as public_key", i+1)
		}
		keys = append(keys, bytes.Clone(secret))
	}
	return keys, nil
}

// static holds keys that never change. A key verifies a signature only if it has the type
// of the algorithm.
type static []any

// Algorithms implements Source.
func (s static) Algorithms() (names []string) {
	for _, a := range algorithms {
		if slices.ContainsFunc(s, a.fits) {
			names = append(names, a.name)
		}
	}
	return names
}

// Verify implements Source.
func (s static) Verify(signature Signature) error {
	a, err := algorithmNamed(signature.Algorithm), errNoKey
	if a == nil {
		return err
	}
	for _, key := range s {
		if !a.fits(key) {
			continue
		}
		if a.verifies(signature, key) {
			return nil
		}
		err = errSignature
	}
	return err
}

// Epoch implements Source. It never changes.
func (s static) Epoch() uint64 { return 0 }
