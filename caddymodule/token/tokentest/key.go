// Package tokentest creates keys, tokens and key set endpoints for tests, and has the token
// shapes of real issuers. It signs only with the standard library, so that it does not repeat
// a mistake of the verifier's libraries.
package tokentest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the algorithms
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
)

// Key signs tokens by one algorithm.
type Key struct {
	// Algorithm is the `alg` of the tokens.
	Algorithm string
	// ID is the `kid` of the tokens, left out if empty.
	ID string
	// Secret is the key of the HS algorithms.
	Secret []byte
	// Signer is the key of the other algorithms.
	Signer crypto.Signer
}

// NewKey returns a new key for an algorithm of RFC 7518 or for EdDSA. RSA keys have 2048
// bits.
func NewKey(t testing.TB, algorithm, id string) *Key {
	t.Helper()
	key := &Key{Algorithm: algorithm, ID: id}
	var err error
	switch algorithm {
	case "HS256", "HS384", "HS512":
		key.Secret = make([]byte, 64)
		_, err = rand.Read(key.Secret)
	case "RS256", "RS384", "RS512", "PS256", "PS384", "PS512":
		key.Signer, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ES256":
		key.Signer, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ES384":
		key.Signer, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ES512":
		key.Signer, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "EdDSA":
		_, key.Signer, err = ed25519.GenerateKey(rand.Reader)
	default:
		t.Fatalf("making key: unknown algorithm %q", algorithm)
	}
	if err != nil {
		t.Fatalf("making key: %v", err)
	}
	return key
}

// As returns the same key under another algorithm of its type.
func (k *Key) As(algorithm string) *Key {
	other := *k
	other.Algorithm = algorithm
	return &other
}

// PublicPEM is the public key as a PKIX block.
func (k *Key) PublicPEM(t testing.TB) []byte {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(k.Signer.Public())
	if err != nil {
		t.Fatalf("encoding public key: %v", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
}

// JWK is the public key as a JSON Web Key (RFC 7517) with `kid` and `use`.
func (k *Key) JWK(t testing.TB) map[string]any {
	t.Helper()
	jwk := map[string]any{"use": "sig"}
	if k.ID != "" {
		jwk["kid"] = k.ID
	}
	switch public := k.Signer.Public().(type) {
	case *rsa.PublicKey:
		jwk["kty"], jwk["n"] = "RSA", encode(public.N.Bytes())
		jwk["e"] = encode(big.NewInt(int64(public.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x, y
		if err != nil {
			t.Fatalf("encoding public key: %v", err)
		}
		size := len(point) / 2
		jwk["kty"], jwk["crv"] = "EC", public.Params().Name
		jwk["x"], jwk["y"] = encode(point[1:1+size]), encode(point[1+size:])
	case ed25519.PublicKey:
		jwk["kty"], jwk["crv"], jwk["x"] = "OKP", "Ed25519", encode(public)
	default:
		t.Fatalf("encoding public key: unknown type %T", public)
	}
	return jwk
}

// Sign returns the signature of a signing input, as RFC 7518 §3 encodes it.
func (k *Key) Sign(t testing.TB, input string) []byte {
	t.Helper()
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[k.Algorithm[2:]]
	digest := []byte(input)
	if hash != 0 {
		hasher := hash.New()
		hasher.Write(digest)
		digest = hasher.Sum(nil)
	}
	var options crypto.SignerOpts = hash
	switch k.Algorithm[:2] {
	case "HS":
		mac := hmac.New(hash.New, k.Secret)
		mac.Write([]byte(input))
		return mac.Sum(nil)
	case "ES":
		return k.signECDSA(t, digest)
	case "PS":
		options = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: hash}
	}
	signature, err := k.Signer.Sign(rand.Reader, digest, options)
	if err != nil {
		t.Fatalf("signing: %v", err)
	}
	return signature
}

func (k *Key) signECDSA(t testing.TB, digest []byte) []byte {
	t.Helper()
	private := k.Signer.(*ecdsa.PrivateKey)
	r, s, err := ecdsa.Sign(rand.Reader, private, digest)
	if err != nil {
		t.Fatalf("signing: %v", err)
	}
	size := (private.Params().BitSize + 7) / 8
	signature := make([]byte, 2*size)
	r.FillBytes(signature[:size])
	s.FillBytes(signature[size:])
	return signature
}

// Twin returns the ECDSA-signed token with the other valid signature: (r, n-s) instead of
// (r, s).
func (k *Key) Twin(t testing.TB, raw string) string {
	t.Helper()
	dot := strings.LastIndexByte(raw, '.')
	signature, err := base64.RawURLEncoding.DecodeString(raw[dot+1:])
	if err != nil {
		t.Fatalf("decoding signature: %v", err)
	}
	half := signature[len(signature)/2:]
	s := new(big.Int).SetBytes(half)
	s.Sub(k.Signer.(*ecdsa.PrivateKey).Params().N, s).FillBytes(half)
	return raw[:dot+1] + encode(signature)
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }
