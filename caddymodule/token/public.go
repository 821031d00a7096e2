package token

import (
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"slices"
)

// The sizes of RSA keys, in bits. Below the first a key is too weak (RFC 7518
// §3.3); above the second one verification takes milliseconds, so whoever
// could name such a key could stop the gate.
const (
	minRSABits = 2048
	maxRSABits = 8192

	maxRSAExponent = 1<<31 - 1 // the largest that crypto/rsa takes
)

// checkPublicKey reports why a public key cannot be used here.
func checkPublicKey(key any) error {
	switch public := key.(type) {
	case *rsa.PublicKey:
		return checkRSA(public)
	case ed25519.PublicKey:
		return checkEd25519(public)
	}
	if isSecret(key) || len(algorithmsFor(key)) == 0 {
		return fmt.Errorf("checking key: %T is not of a usable type or curve", key)
	}
	return nil
}

func checkRSA(public *rsa.PublicKey) error {
	if bits := public.N.BitLen(); bits < minRSABits || bits > maxRSABits {
		return fmt.Errorf("checking key: RSA of %d bits, want %d to %d", bits, minRSABits, maxRSABits)
	}
	// No signature verifies with such numbers. Whoever published them is told.
	if public.N.Bit(0) == 0 {
		return fmt.Errorf("checking key: RSA with an even modulus")
	}
	if public.E < 3 || public.E%2 == 0 || public.E > maxRSAExponent {
		return fmt.Errorf("checking key: RSA with exponent %d", public.E)
	}
	if isROCA(public.N) {
		return fmt.Errorf("checking key: RSA that can be factored (CVE-2017-15361)")
	}
	return nil
}

// checkEd25519 refuses the points of small order. With such a key, signatures
// that anybody can make without a secret verify: for the neutral point one
// signature is good for every message.
func checkEd25519(public ed25519.PublicKey) error {
	if len(public) != ed25519.PublicKeySize {
		return fmt.Errorf("checking key: Ed25519 of %d bytes", len(public))
	}
	y := slices.Clone(public)
	y[len(y)-1] &= 0x7f // without the sign of x
	if slices.Contains(smallOrder, hex.EncodeToString(y)) {
		return fmt.Errorf("checking key: Ed25519 with a point of small order")
	}
	return nil
}

// smallOrder are the y coordinates of the points whose order divides 8, in all
// their encodings (RFC 8032 §5.1.2, little endian): those of order 4, 1, 8, 8
// and 2, and then p and p + 1, which decode as the first two.
var smallOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
}
