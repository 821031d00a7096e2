package token_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// noSecret "signs" for a public key of small order: R is the neutral point and S
// is zero. It has no private key.
type noSecret struct{ public ed25519.PublicKey }

func (s noSecret) Public() crypto.PublicKey { return s.public }

func (s noSecret) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return append([]byte{1}, make([]byte, ed25519.SignatureSize-1)...), nil
}

// The attack: an Ed25519 key that is a point of small order, in a key set or in
// a file that somebody was made to install. Its signatures need no secret: for
// one try in eight at least, this one is good, and crypto/ed25519 says so.
func TestEd25519KeysOfSmallOrderAreRefused(t *testing.T) {
	const full = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
	for _, text := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000080",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0000000000000000000000000000000000000000000000000000000000000080",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
		"ec" + full + "7f", "ec" + full + "ff", "ed" + full + "7f", "ed" + full + "ff", "ee" + full + "7f", "ee" + full + "ff",
	} {
		point, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		key := &tokentest.Key{Algorithm: "EdDSA", ID: "weak", Signer: noSecret{point}}
		if forged(t, key) == "" {
			t.Fatalf("%s: no forgery, so it is no such point", text)
		}
		der, err := x509.MarshalPKIXPublicKey(ed25519.PublicKey(point))
		if err != nil {
			t.Fatal(err)
		}
		block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
		if keys, err := token.NewPublicKeys(block); err == nil {
			mustRefuse(t, verifierFor(t, keys), forged(t, key), token.ErrInvalid)
			t.Errorf("%s: accepted from a file", text)
		} else {
			wantError(t, err, "small order")
		}
		jwk := fmt.Sprintf(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"weak","x":%q}]}`, b64(point))
		if n, err := token.ParseKeySet([]byte(jwk)); n != 0 || err == nil {
			t.Errorf("%s: accepted from a key set", text)
		}
	}
	if _, err := token.NewPublicKeys(tokentest.NewKey(t, "EdDSA", "").PublicPEM(t)); err != nil {
		t.Errorf("a key of full order: %v", err)
	}
}

// forged is a token that the public key verifies, or "".
func forged(t *testing.T, key *tokentest.Key) string {
	t.Helper()
	public := key.Signer.Public().(ed25519.PublicKey)
	for i := range 500 {
		claims := tokentest.Claims(now, map[string]any{"jti": fmt.Sprint(i)})
		raw := tokentest.Mint(t, key, claims)
		signed := raw[:len(raw)-len(b64(make([]byte, ed25519.SignatureSize)))-1]
		if signature := key.Sign(t, signed); ed25519.Verify(public, []byte(signed), signature) {
			return raw
		}
	}
	return ""
}
