package keys_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// std returns a number in standard base64 with padding.
func std(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// shortKey returns a key on a curve that has a coordinate with a leading zero.
func shortKey(t *testing.T, algorithm string) (key *tokentest.Key, x, y []byte) {
	t.Helper()
	for {
		key = tokentest.NewKey(t, algorithm, "short")
		point, err := key.Signer.Public().(*ecdsa.PublicKey).Bytes()
		if err != nil {
			t.Fatal(err)
		}
		half := len(point) / 2
		x, y = new(big.Int).SetBytes(point[1:1+half]).Bytes(), new(big.Int).SetBytes(point[1+half:]).Bytes()
		if len(x) < half || len(y) < half {
			return key, x, y
		}
	}
}

// Numbers that are encoded otherwise than RFC 7518 §2 and §6.2.1.2 say are the same numbers:
// with padding, in standard base64, or without the leading zeros of a coordinate, as Java's
// BigInteger writes them. A login must not fail for one key in 128.
func TestNumbersAreReadInEveryEncoding(t *testing.T) {
	ec, x, y := shortKey(t, "ES256")
	ec384, x384, y384 := shortKey(t, "ES384")
	ec521, x521, y521 := shortKey(t, "ES512")
	modulus := tokentest.NewKey(t, "RS256", "rsa")
	n := modulus.Signer.Public().(*rsa.PublicKey).N.Bytes()
	ed := tokentest.NewKey(t, "EdDSA", "ed")
	edText := ed.JWK(t)["x"].(string)
	padded := func(b []byte) string { return base64.URLEncoding.EncodeToString(b) }
	signed33 := func(b []byte) string { return b64(append([]byte{0}, b...)) }
	for name, tt := range map[string]struct {
		key     *tokentest.Key
		members map[string]any
	}{
		"short P-256 coordinate":        {ec, map[string]any{"x": b64(x), "y": b64(y)}},
		"short P-384 coordinate":        {ec384, map[string]any{"x": b64(x384), "y": b64(y384)}},
		"short P-521 coordinate":        {ec521, map[string]any{"x": b64(x521), "y": b64(y521)}},
		"short and padded":              {ec, map[string]any{"x": padded(x), "y": padded(y)}},
		"short in standard base64":      {ec, map[string]any{"x": std(x), "y": std(y)}},
		"coordinate with a sign byte":   {ec521, map[string]any{"x": signed33(x521), "y": signed33(y521)}},
		"modulus with padding":          {modulus, map[string]any{"n": padded(n)}},
		"modulus in standard base64":    {modulus, map[string]any{"n": std(n), "e": "AQAB"}},
		"modulus with a sign byte":      {modulus, map[string]any{"n": signed33(n)}},
		"exponent with leading zeros":   {modulus, map[string]any{"e": b64([]byte{0, 0, 1, 0, 1})}},
		"exponent with padding":         {modulus, map[string]any{"e": "AAEAAQ=="}},
		"Ed25519 with padding":          {ed, map[string]any{"x": edText + "="}},
		"Ed25519 in standard base64":    {ed, map[string]any{"x": strings.NewReplacer("-", "+", "_", "/").Replace(edText)}},
		"members of other types absent": {ec, map[string]any{"n": "", "e": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			loadSet(t, func(v keys.Source, _ bool, log string) {
				mustVerify(t, v, signed(t, tt.key))
				if strings.Contains(log, "WARN") {
					t.Errorf("a warning for a valid set:\n%s", log)
				}
			}, changed(t, tt.key, tt.members))
		})
	}
}

// Attack: a private key is published in an encoding that only other readers accept, and its
// public key stands beside it. Everybody can sign with it.
func TestPublishedPrivateKeyIsFoundInEveryEncoding(t *testing.T) {
	burnt, x, y := shortKey(t, "ES256")
	good := tokentest.NewKey(t, "ES256", "good")
	rsaKey := tokentest.NewKey(t, "RS256", "rsa")
	n := rsaKey.Signer.Public().(*rsa.PublicKey).N.Bytes()
	for name, tt := range map[string]struct {
		key     *tokentest.Key
		members map[string]any
	}{
		"short coordinates": {burnt, map[string]any{"kid": "x", "x": b64(x), "y": b64(y)}},
		"standard base64":   {burnt, map[string]any{"kid": "x", "x": std(x), "y": std(y)}},
		"padded modulus":    {rsaKey, map[string]any{"kid": "x", "n": std(n)}},
	} {
		loadSet(t, func(v keys.Source, _ bool, _ string) {
			mustVerify(t, v, signed(t, good))
			if err := v.Verify(signed(t, tt.key)); err == nil {
				t.Errorf("%s: a published private key signs", name)
			}
		}, tt.key.JWK(t), good.JWK(t), privateJWK(t, tt.key, tt.members))
	}
}

// RFC 9864 names Ed25519 beside EdDSA. Issuers change the name in tokens and key sets at
// different times.
func TestEd25519HasTwoNames(t *testing.T) {
	key := tokentest.NewKey(t, "EdDSA", "ed")
	for _, name := range []any{nil, "EdDSA", "Ed25519"} {
		loadSet(t, func(v keys.Source, _ bool, log string) {
			mustVerify(t, v, signed(t, key))
			mustVerify(t, v, signed(t, key.As("Ed25519")))
			mustRefuse(t, v, signed(t, tokentest.NewKey(t, "EdDSA", "ed").As("Ed25519")), keys.ErrInvalid)
			if strings.Contains(log, "WARN") {
				t.Errorf("alg %v: a warning for a valid set:\n%s", name, log)
			}
		}, changed(t, key, map[string]any{"alg": name}))
	}
	if !keys.IsAlgorithm("Ed25519") || keys.IsAlgorithm("Ed448") || keys.IsAlgorithm("ed25519") {
		t.Error("Ed25519 is not the one new algorithm")
	}
}

// What is left out is named by its `kid` and its member, so that an operator can tell the
// issuer. One line is bounded, whatever the issuer writes into a `kid`.
func TestKeysThatAreLeftOutAreNamed(t *testing.T) {
	good := tokentest.NewKey(t, "ES256", "good")
	set := []map[string]any{
		good.JWK(t),
		changed(t, good, map[string]any{"kid": "kc-enc", "use": "enc", "alg": "RSA-OAEP"}),
		changed(t, good, map[string]any{"kid": nil, "key_ops": []string{"sign"}}),
		changed(t, good, map[string]any{"kid": strings.Repeat("long", 10_000), "x": "!"}),
		changed(t, good, map[string]any{"kid": "two\nlines\x1b[2J", "crv": "P-999"}),
	}
	loadSet(t, func(v keys.Source, _ bool, log string) {
		mustVerify(t, v, signed(t, good))
		for _, want := range []string{
			`key \"kc-enc\": use: its use is not sig`,
			`a key without kid: key_ops: its key_ops do not hold verify`,
			`x: it is not base64`,
			`crv: it is of an unknown type`,
		} {
			if strings.Count(log, want) != 1 {
				t.Errorf("log without one %s:\n%s", want, log)
			}
		}
		if strings.Count(log, "level=WARN") != 1 || strings.Contains(log, "\x1b") || len(log) > 2000 {
			t.Errorf("%d bytes of log:\n%.3000s", len(log), log)
		}
	}, set...)
	for i := range 90 {
		set = append(set, map[string]any{"kid": fmt.Sprint("enc-", i), "use": "enc"})
	}
	loadSet(t, func(_ keys.Source, _ bool, log string) {
		if !strings.Contains(log, "and 86 more") || strings.Count(log, "level=WARN") != 1 || len(log) > 4000 {
			t.Errorf("%d bytes of log:\n%.3000s", len(log), log)
		}
	}, set...)
}
