package token_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// Attack (RFC 8725 §2.1): `alg` none, in any spelling, with or without a text in place of
// the signature.
func TestVerifyRefusesUnsignedTokens(t *testing.T) {
	v, _ := hmacVerifier(t)
	payload, _ := json.Marshal(tokentest.Claims(now, nil))
	for _, algorithm := range []string{"none", "None", "NONE", "nOnE", "", "HS0", "hs256", " HS256", "HS256\u0000"} {
		header, _ := json.Marshal(map[string]string{"alg": algorithm})
		signed := b64(header) + "." + b64(payload)
		mustRefuse(t, v, signed+"."+b64([]byte("x")), token.ErrInvalid)
		mustRefuse(t, v, signed+".", token.ErrMalformed)
		mustRefuse(t, v, signed, token.ErrMalformed)
	}
}

// Attack (RFC 8725 §2.1): a token says HS256, and its secret is the public key, which
// everybody has.
func TestPublicKeyIsNeverASecret(t *testing.T) {
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA"} {
		key := tokentest.NewKey(t, algorithm, "k")
		v := verifierFor(t, sourceFor(t, key))
		payload, _ := json.Marshal(tokentest.Claims(now, nil))
		signed := b64([]byte(`{"alg":"HS256","kid":"k"}`)) + "." + b64(payload)
		block := key.PublicPEM(t)
		for _, secret := range [][]byte{block, []byte(strings.TrimSpace(string(block))), nil} {
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(signed))
			mustRefuse(t, v, signed+"."+b64(mac.Sum(nil)), token.ErrInvalid)
		}
	}
}

// Attack: the token chooses a weaker algorithm, or one that the operator turned off.
func TestOnlyConfiguredAlgorithmsCount(t *testing.T) {
	key := tokentest.NewKey(t, "PS256", "")
	v := verifierFor(t, sourceFor(t, key), func(o *token.Options) { o.Issuers[0].Algorithms = []string{"PS256"} })
	mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, nil)))
	for _, algorithm := range []string{"RS256", "PS384", "RS512"} {
		mustRefuse(t, v, tokentest.Mint(t, key.As(algorithm), tokentest.Claims(now, nil)), token.ErrInvalid)
	}
	// Signed with one algorithm, labelled as another.
	raw := tokentest.Mint(t, key.As("RS256"), tokentest.Claims(now, nil), map[string]any{"alg": "PS256"})
	mustRefuse(t, v, raw, token.ErrInvalid)
}

// Attack: the token names its own keys (RFC 8725 §3.10). Such a token is signed with the
// attacker's key, and says where to find that key.
func TestVerifyIgnoresKeysInTheToken(t *testing.T) {
	v := verifierFor(t, sourceFor(t, tokentest.NewKey(t, "ES256", "k")))
	attacker := tokentest.NewKey(t, "ES256", "k")
	for _, header := range []map[string]any{
		{"jwk": attacker.JWK(t)},
		{"jku": "https://attacker.example.com/jwks.json"},
		{"x5u": "https://attacker.example.com/cert.pem"},
		{"x5c": []string{"MIIB"}},
		{"kid": "../../dev/null"},
		{"kid": "' OR 1=1 --"},
	} {
		mustRefuse(t, v, tokentest.Mint(t, attacker, tokentest.Claims(now, nil), header), token.ErrInvalid)
	}
}

// Attack: an RSASSA-PSS signature with another salt length than RFC 7518 §3.5 demands.
func TestVerifyRefusesOtherSaltLengths(t *testing.T) {
	key := tokentest.NewKey(t, "PS256", "")
	v := verifierFor(t, sourceFor(t, key))
	raw := tokentest.Mint(t, key, tokentest.Claims(now, nil))
	digest := sha256.Sum256([]byte(signedPart(raw)))
	private := key.Signer.(*rsa.PrivateKey)
	// rsa.PSSSaltLengthAuto signs with the longest salt that fits.
	for _, length := range []int{rsa.PSSSaltLengthAuto, 20, 31, 33} {
		signature, err := rsa.SignPSS(rand.Reader, private, crypto.SHA256, digest[:], &rsa.PSSOptions{SaltLength: length})
		if err != nil {
			t.Fatal(err)
		}
		mustRefuse(t, v, signedPart(raw)+"."+b64(signature), token.ErrInvalid)
	}
}

// Errors are logged, so they must hold nothing of the token.
func TestErrorsHoldNothingOfTheToken(t *testing.T) {
	v, key := hmacVerifier(t)
	const canary = "canary-7f3a"
	raw := tokentest.Mint(t, key, tokentest.Claims(now, nil))
	for _, bad := range []string{
		tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"iss": canary})),
		tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"aud": canary})),
		tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"exp": canary})),
		tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"sid": canary + "\n"})),
		tokentest.Mint(t, key, tokentest.Claims(now, nil), map[string]any{"typ": canary}),
		tokentest.Mint(t, key, tokentest.Claims(now, nil), map[string]any{"alg": canary}),
		tokentest.Seal(t, key, `{"alg":"HS256"}`, `{"`+canary+`":1,"`+canary+`":1}`),
		tokentest.Seal(t, key, `{"alg":"HS256"}`, `{"`+canary+`":`),
		canary + "." + canary + "." + canary,
		raw + canary,
	} {
		verified, err := v.Verify(bad, now)
		if verified != nil || err == nil {
			t.Fatal("accepted")
		}
		if text := err.Error(); strings.Contains(text, canary) || strings.Contains(text, bad[:8]) {
			t.Errorf("error %q holds a part of the token", text)
		}
	}
}
