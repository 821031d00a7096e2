package keys

import (
	"errors"
	"fmt"
)

// Source holds the keys of one issuer. NewHMAC, NewPEM, NewJWKS, NewRemote and Join return
// one. Several verifiers may share it. Its methods may be called concurrently and never wait
// for anything.
type Source interface {
	// Algorithms lists the algorithms that keys of this source can have, by their
	// names of RFC 7518 §3.1 and RFC 8037 §3.1.
	Algorithms() []string
	// Verify returns nil if one of the keys made the signature. The type of that key must
	// be the type of the algorithm. If the source uses `kid`, `kid` must name that key.
	// Errors wrap ErrInvalid or ErrUnavailable.
	Verify(Signature) error
	// Epoch changes whenever a key is removed or changed. A verified signature is valid
	// until then. Read the epoch before calling Verify: if a key changes in between, the
	// signature then counts as one of an older epoch.
	Epoch() uint64
}

// Signature is a JSON Web Signature (RFC 7515) with the relevant members of its header.
// Trust none of it before it is verified.
type Signature struct {
	// Algorithm is `alg`. The caller has checked that the issuer may use it.
	Algorithm string
	// KeyID is `kid`, "" if there is none.
	KeyID string
	// Input is the signing input: the encoded header, a dot and the encoded payload.
	Input string
	// Value is the signature itself, decoded.
	Value []byte
}

// The reasons to refuse a signature.
var (
	// ErrInvalid: no key of the issuer made the signature.
	ErrInvalid = errors.New("invalid token")
	// ErrUnknownKey goes with ErrUnavailable: the key set of the issuer does not hold the
	// `kid`, and the issuer is asked for it. Await waits for the answer.
	ErrUnknownKey = errors.New("kid is unknown")
	// ErrUnavailable: the keys that could verify the signature are not available now.
	ErrUnavailable = errors.New("keys unavailable")
)

var (
	errNoKey      = refuse("no key fits the algorithm")
	errNoMatch    = refuse("no key of the set is the one for kid and alg")
	errSignature  = refuse("signature does not verify")
	errNotInSet   = refuse("no usable key of the key set has the kid")
	errUnknownKey = fmt.Errorf("verifying token: %w: %w", ErrUnknownKey, ErrUnavailable)
)

func refuse(rule string) error { return fmt.Errorf("verifying token: %s: %w", rule, ErrInvalid) }
