package token_test

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// loadSet is the outcome of loading a set of these keys: the verifier, whether
// the set was taken, and the log.
func loadSet(t *testing.T, test func(v *token.Verifier, loaded bool, log string), jwks ...map[string]any) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		endpoint := tokentest.NewEndpoint(t)
		endpoint.PublishJWKs(jwks...)
		var log strings.Builder
		keys := remoteKeys(t, endpoint, token.RemoteOptions{
			URL: keySetURL, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		synctest.Wait()
		time.Sleep(time.Hour) // six refreshes, or many retries
		keys.Close()
		test(verifierFor(t, keys), keys.Loaded(), log.String())
	})
}

// changed is a JSON Web Key with other members; nil leaves one out.
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

// The attack: an endpoint that publishes what was never meant for verifying
// signatures, or what anybody can sign with.
func TestUnusableKeysAreIgnoredWithOneWarning(t *testing.T) {
	good, bad := tokentest.NewKey(t, "ES256", "good"), tokentest.NewKey(t, "ES256", "bad")
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	weakKey := &tokentest.Key{Algorithm: "RS256", ID: "bad", Signer: weak}
	even := changed(t, tokentest.NewKey(t, "RS256", "bad"), map[string]any{"e": "Ag"})
	huge := changed(t, tokentest.NewKey(t, "RS256", "bad"), map[string]any{
		"n": b64(new(big.Int).Lsh(big.NewInt(1), 16383).Bytes()),
	})
	for name, jwk := range map[string]map[string]any{
		"private EC key":         changed(t, bad, map[string]any{"d": b64(make([]byte, 32))}),
		"private member alone":   changed(t, bad, map[string]any{"qi": "AQ"}),
		"symmetric key":          {"kty": "oct", "kid": "bad", "use": "sig", "k": b64(make([]byte, 32))},
		"for encryption":         changed(t, bad, map[string]any{"use": "enc"}),
		"use is a list":          changed(t, bad, map[string]any{"use": []string{"sig"}}),
		"for signing only":       changed(t, bad, map[string]any{"use": nil, "key_ops": []string{"sign"}}),
		"key_ops is a text":      changed(t, bad, map[string]any{"key_ops": "verify"}),
		"key_ops is empty":       changed(t, bad, map[string]any{"key_ops": []string{}}),
		"key_ops with a number":  changed(t, bad, map[string]any{"key_ops": []any{"verify", 1}}),
		"key_ops says it twice":  changed(t, bad, map[string]any{"key_ops": []string{"verify", "verify"}}),
		"key_ops in other case":  changed(t, bad, map[string]any{"key_ops": []string{"Verify"}}),
		"key_ops against use":    changed(t, bad, map[string]any{"use": "sig", "key_ops": []string{"encrypt"}}),
		"use against key_ops":    changed(t, bad, map[string]any{"use": "enc", "key_ops": []string{"verify"}}),
		"verifies and decrypts":  changed(t, bad, map[string]any{"use": nil, "key_ops": []string{"verify", "decrypt"}}),
		"verifies and wraps":     changed(t, bad, map[string]any{"use": nil, "key_ops": []string{"wrapKey", "verify"}}),
		"alg of another type":    changed(t, bad, map[string]any{"alg": "RS256"}),
		"alg of another curve":   changed(t, bad, map[string]any{"alg": "ES384"}),
		"alg for encryption":     changed(t, bad, map[string]any{"alg": "ECDH-ES"}),
		"alg none":               changed(t, bad, map[string]any{"alg": "none"}),
		"unknown type":           {"kty": "XYZ", "kid": "bad"},
		"no type":                {"kid": "bad"},
		"unknown curve":          changed(t, bad, map[string]any{"crv": "secp256k1"}),
		"point off the curve":    changed(t, bad, map[string]any{"y": b64(make([]byte, 32))}),
		"RSA of 1024 bits":       weakKey.JWK(t),
		"RSA of 16384 bits":      huge,
		"RSA with an even power": even,
		"RSA that can be factored": changed(t, tokentest.NewKey(t, "RS256", "bad"), map[string]any{
			"n": b64(rocaModulus(t, 2048).Bytes()),
		}),
		"Ed25519 of a weak point": {"kty": "OKP", "crv": "Ed25519", "kid": "bad", "x": b64(make([]byte, 32))},
		"X25519":                  {"kty": "OKP", "crv": "X25519", "kid": "bad", "x": b64(make([]byte, 32))},
		"kid is a number":         changed(t, bad, map[string]any{"kid": 1}),
	} {
		t.Run(name, func(t *testing.T) {
			loadSet(t, func(v *token.Verifier, loaded bool, log string) {
				if !loaded {
					t.Fatal("the whole set was refused")
				}
				mustVerify(t, v, mint(t, good))
				mustRefuse(t, v, mint(t, bad), token.ErrInvalid)
				if got := strings.Count(log, "level=WARN"); got != 1 {
					t.Errorf("%d warnings, want 1:\n%s", got, log)
				}
			}, jwk, good.JWK(t))
			// Alone, such a key is no key set: the fetch failed.
			loadSet(t, func(v *token.Verifier, loaded bool, _ string) {
				if loaded {
					t.Error("a set without a usable key was taken")
				}
				mustRefuse(t, v, mint(t, good), token.ErrUnavailable)
			}, jwk)
		})
	}
}

func TestJWKAlgorithmNarrows(t *testing.T) {
	key := tokentest.NewKey(t, "PS256", "a")
	loadSet(t, func(v *token.Verifier, _ bool, log string) {
		mustVerify(t, v, mint(t, key))
		mustRefuse(t, v, mint(t, key.As("RS256")), token.ErrInvalid)
		mustRefuse(t, v, mint(t, key.As("PS512")), token.ErrInvalid)
		if strings.Contains(log, "WARN") {
			t.Errorf("a warning for a good set:\n%s", log)
		}
	}, changed(t, key, map[string]any{"alg": "PS256", "use": nil, "key_ops": []string{"sign", "verify"}}))
}

// The attack: a set with so many keys that each token costs a thousand
// signatures (invariant 12).
func TestKeysOfASetAreCounted(t *testing.T) {
	first, last := tokentest.NewKey(t, "EdDSA", "first"), tokentest.NewKey(t, "EdDSA", "last")
	jwks := []map[string]any{first.JWK(t)}
	for i := range 99 {
		jwks = append(jwks, changed(t, first, map[string]any{"kid": fmt.Sprint(i)}))
	}
	loadSet(t, func(v *token.Verifier, _ bool, log string) {
		mustVerify(t, v, mint(t, first))
		mustRefuse(t, v, mint(t, last), token.ErrInvalid)
		if !strings.Contains(log, "all but the first 100 keys") {
			t.Errorf("log:\n%s", log)
		}
	}, append(jwks, last.JWK(t))...)
}

func TestKeysWithOneIDAreToldApartByAlgorithm(t *testing.T) {
	a, b := tokentest.NewKey(t, "ES256", "same"), tokentest.NewKey(t, "EdDSA", "same")
	loadSet(t, func(v *token.Verifier, _ bool, _ string) {
		mustVerify(t, v, mint(t, a))
		mustVerify(t, v, mint(t, b))
	}, a.JWK(t), b.JWK(t))
}

// Key sets come from a network: none may make the parser fall.
func FuzzKeySet(f *testing.F) {
	for _, algorithm := range []string{"RS256", "ES256", "ES512", "EdDSA"} {
		jwk, err := json.Marshal(tokentest.NewKey(f, algorithm, "k").JWK(f))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(`{"keys":[` + string(jwk) + `]}`)
	}
	f.Add(`{"keys":[null,1,[],{"kty":"AKP","alg":"ML-DSA-44","pub":"AA"},{"kty":"RSA","n":"","e":""}]}`)
	f.Fuzz(func(t *testing.T, set string) {
		keys, err := token.ParseKeySet([]byte(set))
		if (keys > 0) == (err != nil) {
			t.Errorf("%d usable keys and error %v", keys, err)
		}
	})
}
