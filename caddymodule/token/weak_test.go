package token_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"strconv"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// weakPoints are the y of all points of low order of edwards25519, and those
// that p makes of them, little-endian. Each has two signs.
var weakPoints = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
}

// The attack: a key under which everybody signs, without knowing a secret. One
// fixed signature is good for every eighth token or more.
func TestKeysThatAnybodySignsForAreRefused(t *testing.T) {
	for _, y := range weakPoints {
		for sign := range 2 {
			point, err := hex.DecodeString(y)
			if err != nil {
				t.Fatal(err)
			}
			point[31] |= byte(sign << 7)
			der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(point))
			if err != nil {
				t.Fatal(err)
			}
			_, err = token.NewPublicKeys(block("PUBLIC KEY", der))
			wantError(t, err, "weak point")
			set := `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"` + b64(point) + `"}]}`
			if usable, err := token.ParseKeySet([]byte(set)); usable != 0 || err == nil {
				t.Errorf("point %x: %d keys of a set are usable, error %v", point, usable, err)
			}
			if !anybodySigns(t, point) {
				t.Errorf("point %x is not weak: it does not belong into this test", point)
			}
		}
	}
}

// anybodySigns reports whether the fixed signature is good for some text.
func anybodySigns(t *testing.T, point []byte) bool {
	t.Helper()
	signature := make([]byte, ed25519.SignatureSize)
	signature[0] = 1 // R is the neutral element, S is zero
	for i := range 200 {
		claims := tokentest.Claims(now, map[string]any{"sub": strconv.Itoa(i)})
		signed := signedPart(tokentest.Mint(t, tokentest.NewKey(t, "EdDSA", ""), claims))
		if ed25519.Verify(point, []byte(signed), signature) {
			return true
		}
	}
	return false
}
