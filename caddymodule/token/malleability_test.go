package token_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// signature returns the bytes of a token's signature.
func signature(t testing.TB, raw string) []byte {
	t.Helper()
	bytes, err := base64.RawURLEncoding.DecodeString(signaturePart(raw)[1:])
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// resigned returns the token with another signature.
func resigned(raw string, signature []byte) string { return signedPart(raw) + "." + b64(signature) }

// withoutIDs removes the ids of a token.
var withoutIDs = map[string]any{"sid": nil, "jti": nil}

// Attack: if (r, s) is a valid ECDSA signature, so is (r, n-s). So a revoked token comes
// back in another spelling. It must have the same revocation keys.
func TestTwinSignatureIsTheSameToken(t *testing.T) {
	for _, algorithm := range []string{"ES256", "ES384", "ES512"} {
		key := tokentest.NewKey(t, algorithm, "")
		v := verifierFor(t, sourceFor(t, key))
		for name, changes := range map[string]map[string]any{
			"with ids": nil, "without ids": withoutIDs, "with a token id": {"sid": nil}, "with a session": {"jti": nil},
		} {
			raw := tokentest.Mint(t, key, tokentest.Claims(now, changes))
			twin := key.Twin(t, raw)
			if twin == raw || signedPart(twin) != signedPart(raw) {
				t.Fatal("the twin equals the token, or signs another text")
			}
			a, b := cacheToken(t, v, raw), cacheToken(t, v, twin)
			if a.Keys.Token != b.Keys.Token || a.Keys.Session != b.Keys.Session || a.TokenID != b.TokenID {
				t.Errorf("%s, %s: the twin has other names", algorithm, name)
			}
		}
	}
}

// Attack: a signature is cut short, so that it can be guessed (HMAC). Or bytes that a lax
// reader skips are added, so that the token has endless spellings.
func TestSignaturesHaveOneLength(t *testing.T) {
	for _, family := range families {
		key := tokentest.NewKey(t, family[0], "")
		v := verifierFor(t, sourceFor(t, key))
		for _, algorithm := range family {
			raw := tokentest.Mint(t, key.As(algorithm), tokentest.Claims(now, withoutIDs))
			mustVerify(t, v, raw)
			good := signature(t, raw)
			for name, bytes := range map[string][]byte{
				"a zero before":   append([]byte{0}, good...),
				"a zero behind":   append(slices.Clone(good), 0),
				"zeros around":    append(append(make([]byte, len(good)), good...), make([]byte, len(good))...),
				"twice":           append(slices.Clone(good), good...),
				"without its end": good[:len(good)-1],
				"its second half": good[len(good)/2:],
				"its first half":  good[:len(good)/2],
				"one byte":        good[:1],
				"zeros":           make([]byte, len(good)),
			} {
				if verified, err := v.Verify(resigned(raw, bytes), now); err == nil || verified != nil {
					t.Errorf("%s: %s is accepted as the signature", algorithm, name)
				}
			}
		}
	}
}

// Attack: numbers that are the same modulo n, and the same pair in the encoding of
// certificates.
func TestECDSASignaturesHaveNoSpellingButTheTwin(t *testing.T) {
	for _, algorithm := range []string{"ES256", "ES384", "ES512"} {
		key := tokentest.NewKey(t, algorithm, "")
		v := verifierFor(t, sourceFor(t, key))
		raw := tokentest.Mint(t, key, tokentest.Claims(now, withoutIDs))
		good := signature(t, raw)
		size := len(good) / 2
		r, s := new(big.Int).SetBytes(good[:size]), new(big.Int).SetBytes(good[size:])
		n := key.Signer.(*ecdsa.PrivateKey).Params().N
		der, err := asn1.Marshal([]*big.Int{r, s})
		if err != nil {
			t.Fatal(err)
		}
		spellings := map[string][]byte{
			"DER": der, "s, r": append(slices.Clone(good[size:]), good[:size]...),
			"zero, zero": make([]byte, len(good)),
		}
		for name, pair := range map[string][2]*big.Int{
			"r + n": {new(big.Int).Add(r, n), s}, "s + n": {r, new(big.Int).Add(s, n)}, "n - r": {new(big.Int).Sub(n, r), s},
			"r, zero": {r, new(big.Int)}, "r, n": {r, n}, "zero, s": {new(big.Int), s},
		} {
			wide := size
			if max(pair[0].BitLen(), pair[1].BitLen()) > 8*size {
				wide++ // not on P-521, whose numbers leave seven bits free
			}
			spellings[name] = append(pair[0].FillBytes(make([]byte, wide)), pair[1].FillBytes(make([]byte, wide))...)
		}
		for name, bytes := range spellings {
			if verified, err := v.Verify(resigned(raw, bytes), now); err == nil || verified != nil {
				t.Errorf("%s: %s is a spelling of the signature", algorithm, name)
			}
		}
	}
}

// Attack: s + n is the same number to RSA, and n - s is the same except for its sign.
func TestRSASignaturesHaveOneSpelling(t *testing.T) {
	key := tokentest.NewKey(t, "RS256", "")
	v := verifierFor(t, sourceFor(t, key))
	n := key.Signer.(*rsa.PrivateKey).N
	for _, algorithm := range []string{"RS256", "PS256"} {
		raw := tokentest.Mint(t, key.As(algorithm), tokentest.Claims(now, withoutIDs))
		s := new(big.Int).SetBytes(signature(t, raw))
		for name, number := range map[string]*big.Int{
			"s + n": new(big.Int).Add(s, n), "n - s": new(big.Int).Sub(n, s), "n": n, "one": big.NewInt(1),
			"s + 2n": new(big.Int).Add(s, new(big.Int).Lsh(n, 1)),
		} {
			bytes := number.FillBytes(make([]byte, max(256, (number.BitLen()+7)/8)))
			if verified, err := v.Verify(resigned(raw, bytes), now); err == nil || verified != nil {
				t.Errorf("%s: %s is a spelling of the signature", algorithm, name)
			}
		}
	}
}

// Attack (RFC 8032 §8.4): S + L is the same number to a reader that does not check its
// range.
func TestEdDSASignaturesHaveOneSpelling(t *testing.T) {
	key := tokentest.NewKey(t, "EdDSA", "")
	v := verifierFor(t, sourceFor(t, key))
	raw := tokentest.Mint(t, key, tokentest.Claims(now, withoutIDs))
	good := signature(t, raw)
	// L of RFC 8032 §5.1: 2^252 + 27742317777372353535851937790883648493.
	l, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	l.Add(l, new(big.Int).Lsh(big.NewInt(1), 252))
	s := littleEndian(good[32:])
	tried := 0
	for s.Add(s, l); s.BitLen() <= 256; s.Add(s, l) {
		tried++
		spelling := append(slices.Clone(good[:32]), make([]byte, 32)...)
		s.FillBytes(spelling[32:])
		slices.Reverse(spelling[32:])
		mustRefuse(t, v, resigned(raw, spelling), token.ErrInvalid)
	}
	if tried < 14 {
		t.Errorf("%d spellings were tried, want 14 or more", tried)
	}
}

func littleEndian(bytes []byte) *big.Int {
	reversed := slices.Clone(bytes)
	slices.Reverse(reversed)
	return new(big.Int).SetBytes(reversed)
}
