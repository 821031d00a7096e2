package token

import (
	"bytes"
	"fmt"
	"slices"
)

// KeySource holds the keys of one issuer: what NewHMACKeys, NewPublicKeys or
// NewRemoteKeys returned. Several verifiers may share one. Its methods never
// wait for anything.
type KeySource interface {
	// possible lists the algorithms that keys of this source can have.
	possible() []*algorithm
	// find returns the keys, at least one, that may have signed a token with
	// this `kid` ("" for none) and algorithm, which is one that the issuer is
	// allowed. Its errors wrap ErrInvalid or ErrUnavailable.
	find(keyID string, a *algorithm) ([]any, error)
	// epoch changes together with what find returns, whenever a key was removed
	// or changed.
	epoch() uint64
	// doubt says that none of the keys which find returned verified a signature:
	// it is forged, or the issuer has replaced a key in place.
	doubt()
}

// MinSecretSize is the shortest HMAC secret accepted, in bytes.
const MinSecretSize = 32

// HMACKeys are the shared secrets of an issuer.
type HMACKeys struct{ secrets []any }

// NewHMACKeys returns one secret or, while it is being rotated, two; tokens by
// either are accepted, and a token's `kid` is ignored. Each has at least
// MinSecretSize bytes. RFC 7518 §3.2 wants as many bytes as the hash has: 48 for
// HS384 and 64 for HS512; a shorter one is accepted and is as strong as its own
// length. What looks like a PEM file is refused, because a public key as secret
// would let everybody sign.
func NewHMACKeys(secrets ...[]byte) (*HMACKeys, error) {
	if len(secrets) < 1 || len(secrets) > 2 {
		return nil, fmt.Errorf("reading HMAC secrets: %d given, want one or two", len(secrets))
	}
	keys := &HMACKeys{}
	for i, secret := range secrets {
		if len(secret) < MinSecretSize {
			return nil, fmt.Errorf("reading HMAC secret %d: %d bytes, want %d or more", i+1, len(secret), MinSecretSize)
		}
		if bytes.Contains(secret, []byte("-----BEGIN ")) {
			return nil, fmt.Errorf("reading HMAC secret %d: it is a PEM file; use it as a public key", i+1)
		}
		keys.secrets = append(keys.secrets, bytes.Clone(secret))
	}
	return keys, nil
}

func (k *HMACKeys) possible() []*algorithm { return algorithmsFor(k.secrets[0]) }

func (k *HMACKeys) find(_ string, a *algorithm) ([]any, error) { return fitting(k.secrets, a) }

func (k *HMACKeys) epoch() uint64 { return 0 }

func (k *HMACKeys) doubt() {}

// PublicKeys are the fixed public keys of an issuer.
type PublicKeys struct{ keys []any }

func (k *PublicKeys) possible() (possible []*algorithm) {
	for _, a := range algorithms {
		if slices.ContainsFunc(k.keys, a.fits) {
			possible = append(possible, a)
		}
	}
	return possible
}

func (k *PublicKeys) find(_ string, a *algorithm) ([]any, error) { return fitting(k.keys, a) }

func (k *PublicKeys) epoch() uint64 { return 0 }

func (k *PublicKeys) doubt() {}

// fitting returns the keys of the algorithm's type.
func fitting(keys []any, a *algorithm) (fit []any, err error) {
	for _, key := range keys {
		if a.fits(key) {
			fit = append(fit, key)
		}
	}
	if len(fit) == 0 {
		return nil, refuse("no key fits the algorithm")
	}
	return fit, nil
}
