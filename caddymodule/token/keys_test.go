package token_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// wantError fails the test unless err says so much.
func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("error %v, want one with %q", err, text)
	}
}

func TestTwoSecretsAreAcceptedDuringRotation(t *testing.T) {
	old, next := tokentest.NewKey(t, "HS256", ""), tokentest.NewKey(t, "HS512", "")
	keys, err := token.NewHMACKeys(old.Secret, next.Secret)
	if err != nil {
		t.Fatal(err)
	}
	v := verifierFor(t, keys)
	mustVerify(t, v, mint(t, old))
	mustVerify(t, v, mint(t, next))
	mustRefuse(t, v, mint(t, tokentest.NewKey(t, "HS256", "")), token.ErrInvalid)
}

// The attacks: a secret that can be guessed, and a public key used as one.
func TestSecretsRefused(t *testing.T) {
	good := bytes.Repeat([]byte("s"), token.MinSecretSize)
	_, err := token.NewHMACKeys()
	wantError(t, err, "0 given")
	_, err = token.NewHMACKeys(good, good, good)
	wantError(t, err, "3 given")
	_, err = token.NewHMACKeys(good, good[1:])
	wantError(t, err, "secret 2: 31 bytes")
	_, err = token.NewHMACKeys(nil)
	wantError(t, err, "0 bytes")
	_, err = token.NewHMACKeys(tokentest.NewKey(t, "ES256", "").PublicPEM(t))
	wantError(t, err, "PEM file")
	if _, err := token.NewHMACKeys(good); err != nil {
		t.Errorf("a secret of %d bytes: %v", token.MinSecretSize, err)
	}
}

func TestSecretIsCopied(t *testing.T) {
	key := tokentest.NewKey(t, "HS256", "")
	configured := bytes.Clone(key.Secret)
	keys, err := token.NewHMACKeys(configured)
	if err != nil {
		t.Fatal(err)
	}
	clear(configured)
	mustVerify(t, verifierFor(t, keys), mint(t, key))
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
	keys, err := token.NewPublicKeys(
		block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(rs.Signer.Public().(*rsa.PublicKey))),
		append(append([]byte("the keys of 2027\n"), es.PublicPEM(t)...), ed.PublicPEM(t)...),
		block("CERTIFICATE", certificate),
	)
	if err != nil {
		t.Fatal(err)
	}
	v := verifierFor(t, keys)
	for _, key := range []*tokentest.Key{rs, rs.As("PS384"), es, ed, second} {
		mustVerify(t, v, mint(t, key))
	}
	mustRefuse(t, v, mint(t, tokentest.NewKey(t, "ES384", "")), token.ErrInvalid)
	mustRefuse(t, v, mint(t, tokentest.NewKey(t, "ES256", "e")), token.ErrInvalid)
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
			_, err := token.NewPublicKeys(tt.file)
			wantError(t, err, tt.want)
		})
	}
	_, err = token.NewPublicKeys()
	wantError(t, err, "no file")
	_, err = token.NewPublicKeys(good, nil)
	wantError(t, err, "file 2")
}

func TestOptionsRefused(t *testing.T) {
	public := sourceFor(t, tokentest.NewKey(t, "ES256", ""))
	secret := sourceFor(t, tokentest.NewKey(t, "HS256", ""))
	remote, err := token.NewRemoteKeys(token.RemoteOptions{URL: keySetURL})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(o *token.Options)
		want   string
	}{
		"no issuer":            {func(o *token.Options) { o.Issuers = nil }, "no issuer"},
		"issuer without name":  {func(o *token.Options) { o.Issuers[0].Issuer = "" }, "no name"},
		"issuer without keys":  {func(o *token.Options) { o.Issuers[0].Keys = nil }, "no keys"},
		"issuer twice":         {func(o *token.Options) { o.Issuers = append(o.Issuers, o.Issuers[0]) }, "given twice"},
		"no audience":          {func(o *token.Options) { o.Issuers[0].Audiences = nil }, "no audience"},
		"empty audience":       {func(o *token.Options) { o.Issuers[0].Audiences = []string{"a", ""} }, "empty audience"},
		"audience and any":     {func(o *token.Options) { o.Issuers[0].AnyAudience = true }, "any audience"},
		"one claim for both":   {func(o *token.Options) { o.Issuers[0].SessionClaim = "jti" }, "one claim"},
		"exp as a session":     {func(o *token.Options) { o.Issuers[0].SessionClaim = "exp" }, "cannot name"},
		"none":                 {algorithmsOf(public, "none"), `"none" is not one of`},
		"unknown algorithm":    {algorithmsOf(public, "es256"), `"es256" is not one of`},
		"empty algorithm":      {algorithmsOf(public, ""), `"" is not one of`},
		"HS256 of public keys": {algorithmsOf(public, "ES256", "HS256"), "HS256 does not fit"},
		"HS256 of remote keys": {algorithmsOf(remote, "HS256"), "HS256 does not fit"},
		"RS256 of a secret":    {algorithmsOf(secret, "RS256"), "RS256 does not fit"},
		"ES384 of a P-256 key": {algorithmsOf(public, "ES384"), "ES384 does not fit"},
		"negative leeway":      {func(o *token.Options) { o.Leeway = -1 }, "leeway"},
		"negative lifetime":    {func(o *token.Options) { o.MaxTokenLifetime = -time.Hour }, "lifetime"},
		"lifetime under 1 s":   {func(o *token.Options) { o.MaxTokenLifetime = time.Millisecond }, "lifetime"},
		"tiny cache":           {func(o *token.Options) { o.CacheBytes = token.MinCacheBytes - 1 }, "token cache"},
		"negative cache":       {func(o *token.Options) { o.CacheBytes = -1 }, "token cache"},
	} {
		t.Run(name, func(t *testing.T) {
			options := token.Options{Issuers: []token.IssuerOptions{{Issuer: "i", Audiences: []string{"a"}, Keys: secret}}}
			tt.change(&options)
			v, err := token.NewVerifier(options)
			wantError(t, err, tt.want)
			if v != nil {
				t.Error("a verifier beside the error")
			}
		})
	}
}

func algorithmsOf(keys token.KeySource, algorithms ...string) func(*token.Options) {
	return func(o *token.Options) { o.Issuers[0].Keys, o.Issuers[0].Algorithms = keys, algorithms }
}

func TestDefaults(t *testing.T) {
	v, key := hmacVerifier(t, func(o *token.Options) {
		o.MaxTokenLifetime, o.CacheBytes, o.Leeway = 0, 0, 0
		o.Issuers[0].Audiences, o.Issuers[0].AnyAudience = nil, true
	})
	day := int64(token.DefaultMaxTokenLifetime / time.Second)
	claims := tokentest.Claims(now, map[string]any{"aud": nil, "exp": now.Unix() + day})
	mustVerify(t, v, tokentest.Mint(t, key, claims))
	claims["exp"] = now.Unix() + day + 1
	mustRefuse(t, v, tokentest.Mint(t, key, claims), token.ErrInvalid)
	claims["exp"], claims["aud"] = now.Unix()+day, 1
	mustRefuse(t, v, tokentest.Mint(t, key, claims), token.ErrInvalid)
}

// Attack: a key set with an even modulus, to stop the gate with it. crypto/rsa
// returns an error for such a key, and the token is refused.
func TestRSAWithAnEvenModulusVerifiesNothing(t *testing.T) {
	key := tokentest.NewKey(t, "RS256", "")
	even := *key.Signer.Public().(*rsa.PublicKey)
	even.N = new(big.Int).Sub(even.N, big.NewInt(1))
	keys, err := token.NewPublicKeys(block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&even)))
	if err != nil {
		t.Fatal(err)
	}
	v := verifierFor(t, keys)
	for _, algorithm := range []string{"RS256", "PS512"} {
		mustRefuse(t, v, mint(t, key.As(algorithm)), token.ErrInvalid)
	}
}
