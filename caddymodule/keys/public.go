package keys

import (
	"crypto/ed25519"
	"crypto/rsa"
	"fmt"
)

// The sizes of RSA keys that are accepted, in bits. Smaller keys are too weak (RFC 7518
// §3.3). With larger keys a verification takes milliseconds, and an attacker could stop the
// gate with tokens that name them.
const (
	minRSABits = 2048
	maxRSABits = 8192

	maxRSAExponent = 1<<31 - 1 // the largest that crypto/rsa takes
)

// checkPublicKey returns an error if a public key cannot be used here, with the member of a
// JSON Web Key that is at fault.
func checkPublicKey(key any) (member string, err error) {
	switch public := key.(type) {
	case *rsa.PublicKey:
		return checkRSA(public)
	case ed25519.PublicKey:
		return "x", checkEd25519(public)
	}
	if isSecret(key) || len(algorithmsFor(key)) == 0 {
		return "kty", fmt.Errorf("checking key: %T is not of a usable type or curve", key)
	}
	return "", nil
}

func checkRSA(public *rsa.PublicKey) (member string, err error) {
	if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return "n", fmt.Errorf("checking key: RSA of %d bits, want %d to %d", bits, minRSABits, maxRSABits)
	}
	if public.E < 3 || public.E%2 == 0 || public.E > maxRSAExponent {
		return "e", fmt.Errorf("checking key: RSA with exponent %d", public.E)
	}
	return "", nil
}

// checkEd25519 refuses keys of another length, with which crypto/ed25519 panics.
func checkEd25519(public ed25519.PublicKey) error {
	if len(public) != ed25519.PublicKeySize {
		return fmt.Errorf("checking key: Ed25519 of %d bytes", len(public))
	}
	return nil
}
