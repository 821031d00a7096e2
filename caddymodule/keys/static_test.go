package keys_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

func TestTwoSecretsAreAcceptedDuringRotation(t *testing.T) {
	old, next := tokentest.NewKey(t, "HS256", ""), tokentest.NewKey(t, "HS512", "")
	source, err := keys.NewHMAC(old.Secret, next.Secret)
	if err != nil {
		t.Fatal(err)
	}
	mustVerify(t, source, signed(t, old))
	mustVerify(t, source, signed(t, next))
	mustRefuse(t, source, signed(t, tokentest.NewKey(t, "HS256", "")), keys.ErrInvalid)
}

// Attacks: a secret that can be guessed, and a public key used as a secret.
func TestSecretsRefused(t *testing.T) {
	good := bytes.Repeat([]byte("s"), keys.MinSecretSize)
	_, err := keys.NewHMAC()
	wantError(t, err, "0 given")
	_, err = keys.NewHMAC(good, good, good)
	wantError(t, err, "3 given")
	_, err = keys.NewHMAC(good, good[1:])
	wantError(t, err, "secret 2: 31 bytes")
	_, err = keys.NewHMAC(nil)
	wantError(t, err, "0 bytes")
	_, err = keys.NewHMAC(tokentest.NewKey(t, "ES256", "").PublicPEM(t))
	wantError(t, err, "PEM file")
	if _, err := keys.NewHMAC(good); err != nil {
		t.Errorf("a secret of %d bytes: %v", keys.MinSecretSize, err)
	}
}

// Attack (RFC 8725 §2.1): sign by HMAC with a public key that the operator took for the secret.
// Keycloak and others show it as the base64 of a PEM file without its first and last line.
func TestAPublicKeyWithoutItsPEMIsNoSecret(t *testing.T) {
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		key := tokentest.NewKey(t, algorithm, "")
		found, _ := pem.Decode(key.PublicPEM(t))
		template := &x509.Certificate{SerialNumber: big.NewInt(1)}
		certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Signer.Public(), key.Signer)
		if err != nil {
			t.Fatal(err)
		}
		for kind, der := range map[string][]byte{"key": found.Bytes, "certificate": certificate} {
			inLines := bytes.TrimSpace(pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: der}))
			inLines = bytes.TrimSuffix(bytes.TrimPrefix(inLines, []byte("-----BEGIN X-----")), []byte("-----END X-----"))
			for name, secret := range map[string][]byte{
				"DER": der, "base64": []byte(base64.StdEncoding.EncodeToString(der)), "base64url": []byte(base64.RawURLEncoding.EncodeToString(der)), "lines": inLines,
			} {
				if _, err := keys.NewHMAC(secret); err == nil || !strings.Contains(err.Error(), "secret 1: it is a public key or a certificate") {
					t.Errorf("%s, a %s in %s: error %v", algorithm, kind, name, err)
				}
			}
		}
	}
}

func TestSecretIsCopied(t *testing.T) {
	key := tokentest.NewKey(t, "HS256", "")
	configured := bytes.Clone(key.Secret)
	source, err := keys.NewHMAC(configured)
	if err != nil {
		t.Fatal(err)
	}
	clear(configured)
	mustVerify(t, source, signed(t, key))
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestPublicKeyFiles(t *testing.T) {
	rs, es, ed := tokentest.NewKey(t, "RS256", "r"), tokentest.NewKey(t, "ES256", "e"), tokentest.NewKey(t, "EdDSA", "d")
	second := tokentest.NewKey(t, "ES256", "e2")
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "signing"}, NotAfter: time.Unix(0, 0),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, second.Signer.Public(), second.Signer)
	if err != nil {
		t.Fatal(err)
	}
	source, err := keys.NewPEM(
		block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(rs.Signer.Public().(*rsa.PublicKey))),
		append(append([]byte("the keys of 2027\n"), es.PublicPEM(t)...), ed.PublicPEM(t)...),
		block("CERTIFICATE", certificate),
	)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []*tokentest.Key{rs, rs.As("PS384"), es, ed, second} {
		mustVerify(t, source, signed(t, key))
	}
	mustRefuse(t, source, signed(t, tokentest.NewKey(t, "ES384", "")), keys.ErrInvalid)
	mustRefuse(t, source, signed(t, tokentest.NewKey(t, "ES256", "e")), keys.ErrInvalid)
}

// A missing or a wrong key file must not go unnoticed.
func TestPublicKeyFilesRefused(t *testing.T) {
	es := tokentest.NewKey(t, "ES256", "")
	private, err := x509.MarshalPKCS8PrivateKey(es.Signer)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p224DER, err := x509.MarshalPKIXPublicKey(p224.Public())
	if err != nil {
		t.Fatal(err)
	}
	long := &rsa.PublicKey{N: new(big.Int).Add(new(big.Int).Lsh(big.NewInt(1), 8192), big.NewInt(1)), E: 65537}
	good := es.PublicPEM(t)
	for name, tt := range map[string]struct {
		file []byte
		want string
	}{
		"empty":               {nil, "no block"},
		"text":                {[]byte("ssh-ed25519 AAAA"), "no block"},
		"DER":                 {private, "no block"},
		"private key":         {block("PRIVATE KEY", private), "private key"},
		"EC private key":      {block("EC PRIVATE KEY", nil), "private key"},
		"RSA private key":     {block("RSA PRIVATE KEY", nil), "private key"},
		"encrypted key":       {block("ENCRYPTED PRIVATE KEY", nil), "private key"},
		"private beside":      {append(bytes.Clone(good), block("PRIVATE KEY", private)...), "private key"},
		"request":             {block("CERTIFICATE REQUEST", nil), "CERTIFICATE REQUEST"},
		"damaged":             {block("PUBLIC KEY", []byte{1, 2, 3}), "file 1"},
		"damaged certificate": {block("CERTIFICATE", []byte{1, 2, 3}), "file 1"},
		"cut off second":      {append(bytes.Clone(good), good[:len(good)-20]...), "1 of 2 blocks"},
		"RSA of 1024 bits":    {block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&short.PublicKey)), "1024 bits"},
		"RSA of 8193 bits":    {block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(long)), "8193 bits"},
		"P-224":               {block("PUBLIC KEY", p224DER), "curve"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keys.NewPEM(tt.file)
			wantError(t, err, tt.want)
		})
	}
	_, err = keys.NewPEM()
	wantError(t, err, "no file")
	_, err = keys.NewPEM(good, nil)
	wantError(t, err, "file 2")
}

// Attack: a key set holds a key with an even modulus, to crash the gate. crypto/rsa returns
// an error for such a key, and the token is refused.
func TestRSAWithAnEvenModulusVerifiesNothing(t *testing.T) {
	key := tokentest.NewKey(t, "RS256", "")
	even := *key.Signer.Public().(*rsa.PublicKey)
	even.N = new(big.Int).Sub(even.N, big.NewInt(1))
	source, err := keys.NewPEM(block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&even)))
	if err != nil {
		t.Fatal(err)
	}
	for _, algorithm := range []string{"RS256", "PS512"} {
		mustRefuse(t, source, signed(t, key.As(algorithm)), keys.ErrInvalid)
	}
}
