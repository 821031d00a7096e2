package keys_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// loadSet loads a set of these keys. It passes the source, whether the set was accepted,
// and the log to test.
func loadSet(t *testing.T, test func(v keys.Source, loaded bool, log string), jwks ...map[string]any) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		endpoint := tokentest.NewEndpoint(t)
		endpoint.PublishJWKs(jwks...)
		var log strings.Builder
		remote := remoteKeys(t, endpoint, keys.RemoteOptions{
			URL: keySetURL, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		synctest.Wait()
		time.Sleep(time.Hour) // six refreshes, or many retries
		remote.Close()
		test(remote, remote.Loaded(), log.String())
	})
}

// changed returns a JSON Web Key with other members; a nil value removes one.
func changed(t *testing.T, key *tokentest.Key, members map[string]any) map[string]any {
	t.Helper()
	jwk := key.JWK(t)
	for name, value := range members {
		if value == nil {
			delete(jwk, name)
		} else {
			jwk[name] = value
		}
	}
	return jwk
}

// Attack: an endpoint publishes a key that is not for verifying signatures, or with which
// anybody can sign.
func TestUnusableKeysAreIgnoredWithOneWarning(t *testing.T) {
	good, bad := tokentest.NewKey(t, "ES256", "good"), tokentest.NewKey(t, "ES256", "bad")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weakKey := &tokentest.Key{Algorithm: "RS256", ID: "bad", Signer: weak}
	rsaKey := tokentest.NewKey(t, "RS256", "bad")
	even := changed(t, rsaKey, map[string]any{"e": "Ag"})
	huge := changed(t, rsaKey, map[string]any{
		"n": b64(new(big.Int).Lsh(big.NewInt(1), 16383).Bytes()),
	})
	for name, jwk := range map[string]map[string]any{
		"private EC key":            changed(t, bad, map[string]any{"d": b64(make([]byte, 32))}),
		"private member alone":      changed(t, bad, map[string]any{"qi": "AQ"}),
		"symmetric key":             {"kty": "oct", "kid": "bad", "use": "sig", "k": b64(make([]byte, 32))},
		"for encryption":            changed(t, bad, map[string]any{"use": "enc"}),
		"use is a list":             changed(t, bad, map[string]any{"use": []string{"sig"}}),
		"for signing only":          changed(t, bad, map[string]any{"use": nil, "key_ops": []string{"sign"}}),
		"key_ops is a text":         changed(t, bad, map[string]any{"key_ops": "verify"}),
		"key_ops with a number":     changed(t, bad, map[string]any{"key_ops": []any{"verify", 1}}),
		"key_ops says it twice":     changed(t, bad, map[string]any{"key_ops": []string{"verify", "verify"}}),
		"key_ops in other case":     changed(t, bad, map[string]any{"key_ops": []string{"Verify"}}),
		"key_ops says nothing":      changed(t, bad, map[string]any{"key_ops": []string{""}}),
		"key_ops against use":       changed(t, bad, map[string]any{"use": "sig", "key_ops": []string{"encrypt"}}),
		"use against key_ops":       changed(t, bad, map[string]any{"use": "enc", "key_ops": []string{"verify"}}),
		"alg of another type":       changed(t, bad, map[string]any{"alg": "RS256"}),
		"alg of another curve":      changed(t, bad, map[string]any{"alg": "ES384"}),
		"alg for encryption":        changed(t, bad, map[string]any{"alg": "ECDH-ES"}),
		"alg none":                  changed(t, bad, map[string]any{"alg": "none"}),
		"unknown type":              {"kty": "XYZ", "kid": "bad"},
		"no type":                   {"kid": "bad"},
		"unknown curve":             changed(t, bad, map[string]any{"crv": "secp256k1"}),
		"point off the curve":       changed(t, bad, map[string]any{"y": b64(make([]byte, 32))}),
		"RSA of 1024 bits":          weakKey.JWK(t),
		"RSA of 16384 bits":         huge,
		"RSA with an even power":    even,
		"X25519":                    {"kty": "OKP", "crv": "X25519", "kid": "bad", "x": b64(make([]byte, 32))},
		"kid is a number":           changed(t, bad, map[string]any{"kid": 1}),
		"kid is a list":             changed(t, bad, map[string]any{"kid": []string{"bad"}}),
		"alg is a list":             changed(t, bad, map[string]any{"alg": []string{"ES256"}}),
		"empty private member":      changed(t, bad, map[string]any{"d": ""}),
		"private member in caps":    changed(t, bad, map[string]any{"D": b64(make([]byte, 32))}),
		"symmetric beside public":   changed(t, bad, map[string]any{"k": b64(make([]byte, 32))}),
		"symmetric in caps":         {"kty": "oct", "kid": "bad", "K": b64(make([]byte, 32))},
		"purpose in caps":           changed(t, bad, map[string]any{"use": nil, "USE": "enc"}),
		"operations in caps":        changed(t, bad, map[string]any{"Key_Ops": []string{"sign"}}),
		"kid with a Kelvin sign":    changed(t, bad, map[string]any{"kid": nil, "\u212aid": "bad"}),
		"curve of another name":     changed(t, bad, map[string]any{"crv": "P-384"}),
		"point at infinity":         changed(t, bad, map[string]any{"x": b64(make([]byte, 32)), "y": b64(make([]byte, 32))}),
		"empty point":               changed(t, bad, map[string]any{"x": "", "y": ""}),
		"Ed448":                     {"kty": "OKP", "crv": "Ed448", "kid": "bad", "x": b64(make([]byte, 57))},
		"Ed25519 of 31 bytes":       {"kty": "OKP", "crv": "Ed25519", "kid": "bad", "x": b64([]byte("a key that is one byte too sho."))},
		"post-quantum key":          {"kty": "AKP", "alg": "ML-DSA-44", "kid": "bad", "pub": b64(make([]byte, 1312))},
		"RSA with exponent 1":       changed(t, rsaKey, map[string]any{"e": "AQ"}),
		"RSA with exponent 2^31+1":  changed(t, rsaKey, map[string]any{"e": b64([]byte{0x80, 0, 0, 1})}),
		"RSA with exponent 2^64+3":  changed(t, rsaKey, map[string]any{"e": b64([]byte{1, 0, 0, 0, 0, 0, 0, 0, 3})}),
		"RSA with a huge exponent":  changed(t, rsaKey, map[string]any{"e": b64(bytes.Repeat([]byte{0xff}, 256))}),
		"RSA with an empty modulus": changed(t, rsaKey, map[string]any{"n": ""}),
	} {
		t.Run(name, func(t *testing.T) {
			loadSet(t, func(v keys.Source, loaded bool, log string) {
				if !loaded {
					t.Fatal("the whole set was refused")
				}
				mustVerify(t, v, signed(t, good))
				mustRefuse(t, v, signed(t, bad), keys.ErrUnknownKey)
				if got := strings.Count(log, "level=WARN"); got != 1 {
					t.Errorf("%d warnings, want 1:\n%s", got, log)
				}
			}, jwk, good.JWK(t))
			// A set with only such a key is refused: the fetch has failed.
			loadSet(t, func(v keys.Source, loaded bool, _ string) {
				if loaded {
					t.Error("a set without a usable key was taken")
				}
				mustRefuse(t, v, signed(t, good), keys.ErrUnavailable)
			}, jwk)
		})
	}
}

// certificate returns a self-signed certificate of the key, in the form of `x5c`.
func certificate(t *testing.T, key *tokentest.Key) string {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Signer.Public(), key.Signer)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

func TestJWKAlgorithmNarrows(t *testing.T) {
	key := tokentest.NewKey(t, "PS256", "a")
	loadSet(t, func(v keys.Source, _ bool, log string) {
		mustVerify(t, v, signed(t, key))
		mustRefuse(t, v, signed(t, key.As("RS256")), keys.ErrInvalid)
		mustRefuse(t, v, signed(t, key.As("PS512")), keys.ErrInvalid)
		if strings.Contains(log, "WARN") {
			t.Errorf("a warning for a valid set:\n%s", log)
		}
	}, changed(t, key, map[string]any{"alg": "PS256", "use": nil, "key_ops": []string{"sign", "verify"}}))
}

// These keys are unusual and harmless.
func TestOddKeysAreUsed(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	for name, members := range map[string]map[string]any{
		"certificate of its own": {"x5c": []string{certificate(t, key)}},
		"unknown members":        {"nbf": 1, "use_by": nil, "jwk": map[string]any{"d": "c2VjcmV0", "kty": "oct"}},
		"verify among others":    {"key_ops": []string{"x-custom", "sign", "verify"}},
		"URL of a certificate":   {"x5u": "http://169.254.169.254/"},
		// RFC 7517 §4.7: an implementation may ignore them. ADFS and Entra publish x5c and x5t,
		// and certificates expire, are renewed or are cut while the key stays.
		"certificate of another": {"x5c": []string{certificate(t, tokentest.NewKey(t, "ES256", ""))}},
		"certificate of itself with a wrong hash": {
			"x5c": []string{certificate(t, key)}, "x5t#S256": b64(make([]byte, 32)),
		},
		"no certificate":              {"x5c": []string{"not base64"}, "x5t": 7, "x5u": "not a URL"},
		"empty lists of certificates": {"x5c": []string{}, "x5t": ""},
		"the hash in another case":    {"x5t#s256": "x"},
		// Oracle's identity service writes both.
		"verifies and encrypts": {"key_ops": []string{"verify", "encrypt"}},
		"verifies and wraps":    {"use": nil, "key_ops": []string{"wrapKey", "verify"}},
		"key_ops is empty":      {"key_ops": []string{}},
		"purposes are empty":    {"use": "", "alg": "", "key_ops": []string{}},
		"members are null":      {"use": json.RawMessage("null"), "alg": json.RawMessage("null"), "key_ops": json.RawMessage("null")},
		"secrets are null":      {"d": json.RawMessage("null"), "k": json.RawMessage("null"), "n": json.RawMessage("null")},
	} {
		t.Run(name, func(t *testing.T) {
			loadSet(t, func(v keys.Source, _ bool, log string) {
				mustVerify(t, v, signed(t, key))
				if strings.Contains(log, "WARN") {
					t.Errorf("a warning for a valid set:\n%s", log)
				}
			}, changed(t, key, members))
		})
	}
}

// RSA with e = 3 is old and not broken: the gate does not encrypt, and crypto/rsa checks
// the padding strictly.
func TestRSAWithExponentThreeIsUsed(t *testing.T) {
	three := big.NewInt(3)
	for {
		p, err := rand.Prime(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		q, err := rand.Prime(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		one := big.NewInt(1)
		order := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
		n, d := new(big.Int).Mul(p, q), new(big.Int).ModInverse(three, order)
		if d == nil || n.BitLen() != 2048 {
			continue
		}
		private := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: 3}, D: d, Primes: []*big.Int{p, q}}
		private.Precompute()
		key := &tokentest.Key{Algorithm: "RS256", ID: "a", Signer: private}
		loadSet(t, func(v keys.Source, _ bool, _ string) { mustVerify(t, v, signed(t, key)) }, key.JWK(t))
		return
	}
}

// Attack: a set has so many keys that each token costs a thousand signatures (invariant
// 12).
func TestKeysOfASetAreCounted(t *testing.T) {
	first, last := tokentest.NewKey(t, "EdDSA", "first"), tokentest.NewKey(t, "EdDSA", "last")
	jwks := []map[string]any{first.JWK(t)}
	for i := range 99 {
		jwks = append(jwks, changed(t, first, map[string]any{"kid": fmt.Sprint(i)}))
	}
	loadSet(t, func(v keys.Source, _ bool, log string) {
		mustVerify(t, v, signed(t, first))
		mustRefuse(t, v, signed(t, last), keys.ErrUnknownKey)
		if !strings.Contains(log, "all but the first 100 keys") {
			t.Errorf("log:\n%s", log)
		}
	}, append(jwks, last.JWK(t))...)
}

// Attack: the hundred keys of a set share one `kid`, so that one forged token costs a
// hundred of the slowest signatures.
func TestKeysOfOneIDAreCounted(t *testing.T) {
	jwks := []map[string]any{}
	same := []*tokentest.Key{}
	for range 6 {
		key := tokentest.NewKey(t, "EdDSA", "same")
		same, jwks = append(same, key), append(jwks, key.JWK(t))
	}
	loadSet(t, func(v keys.Source, _ bool, log string) {
		for i, key := range same {
			if i < 4 {
				mustVerify(t, v, signed(t, key))
			} else {
				mustRefuse(t, v, signed(t, key), keys.ErrInvalid)
			}
		}
		if strings.Count(log, "more than 4 have one kid") != 1 {
			t.Errorf("log:\n%s", log)
		}
	}, jwks...)
}

func TestKeysWithOneIDAreDistinguishedByAlgorithm(t *testing.T) {
	a, b := tokentest.NewKey(t, "ES256", "same"), tokentest.NewKey(t, "EdDSA", "same")
	loadSet(t, func(v keys.Source, _ bool, _ string) {
		mustVerify(t, v, signed(t, a))
		mustVerify(t, v, signed(t, b))
	}, a.JWK(t), b.JWK(t))
}
