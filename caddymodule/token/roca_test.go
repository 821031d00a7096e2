package token_test

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// rocaModulus is a modulus of the shape of CVE-2017-15361: k·M + 65537^a mod M,
// which is what the product of two such primes is, too.
func rocaModulus(t testing.TB, bits uint) *big.Int {
	t.Helper()
	m := big.NewInt(1)
	for n := int64(2); n <= 701; n++ { // M of the keys of 2048 bits
		if big.NewInt(n).ProbablyPrime(0) {
			m.Mul(m, big.NewInt(n))
		}
	}
	modulus := new(big.Int).Exp(big.NewInt(65537), big.NewInt(123_456_789), m)
	k := new(big.Int).Div(new(big.Int).Lsh(big.NewInt(3), bits-2), m)
	modulus.Add(modulus, k.Mul(k, m))
	if modulus.BitLen() != int(bits) || modulus.Bit(0) != 1 {
		t.Fatalf("modulus of %d bits, want an odd one of %d", modulus.BitLen(), bits)
	}
	return modulus
}

// A check that refuses honest keys would be turned off: none of these, which are
// the same in every run, may look weak.
func TestHonestModuliAreNotTakenForWeakOnes(t *testing.T) {
	random := rand.New(rand.NewPCG(2017, 15361))
	for range 2000 {
		bytes := make([]byte, 256)
		for i := range bytes {
			bytes[i] = byte(random.Uint32())
		}
		bytes[0] |= 0x80
		bytes[255] |= 1
		der := x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: new(big.Int).SetBytes(bytes), E: 65537})
		if _, err := token.NewPublicKeys(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: der})); err != nil {
			t.Fatal(err)
		}
	}
}
