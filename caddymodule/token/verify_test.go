package token_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

var families = [][]string{
	{"HS256", "HS384", "HS512"},
	{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
	{"ES256"},
	{"ES384"},
	{"ES512"},
	{"EdDSA"},
}

func TestVerifyAcceptsEveryAlgorithmOfTheKey(t *testing.T) {
	for _, family := range families {
		key := tokentest.NewKey(t, family[0], "")
		v := verifierFor(t, sourceFor(t, key))
		for _, algorithm := range family {
			t.Run(algorithm, func(t *testing.T) {
				raw := tokentest.Mint(t, key.As(algorithm), tokentest.Claims(now, nil))
				if got := mustVerify(t, v, raw).SessionID; got != "session-1" {
					t.Errorf("session id %q", got)
				}
				// Attack: other claims under a valid signature.
				forged := tokentest.Mint(t, key.As(algorithm), tokentest.Claims(now, map[string]any{"sub": "mallory"}))
				mustRefuse(t, v, signedPart(forged)+signaturePart(raw), token.ErrInvalid)
			})
		}
	}
}

// signedPart and signaturePart split a token at its last dot.
func signedPart(raw string) string    { return raw[:strings.LastIndexByte(raw, '.')] }
func signaturePart(raw string) string { return raw[strings.LastIndexByte(raw, '.'):] }

func TestVerifiedHoldsIdentityAndKeys(t *testing.T) {
	v, key := hmacVerifier(t)
	verified := mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{
		"iat": 1_799_999_990.9, "exp": 1_800_000_100.5,
	})))
	for name, pair := range map[string][2]string{
		"issuer":  {verified.Issuer, tokentest.Issuer},
		"subject": {verified.Subject, "alice"},
		"session": {verified.SessionID, "session-1"},
		"token":   {verified.TokenID, "token-1"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s %q, want %q", name, pair[0], pair[1])
		}
	}
	// Invariant 5: a date is rounded down, so that a not-before instant within
	// the same second refuses the token.
	if verified.IssuedAt != 1_799_999_990 || verified.Keys.IssuedAt != 1_799_999_990 {
		t.Errorf("issued at %d, key %d", verified.IssuedAt, verified.Keys.IssuedAt)
	}
	if verified.ExpiresAt != 1_800_000_100 || verified.Keys.Expires != 1_800_000_130 {
		t.Errorf("expires at %d, key %d", verified.ExpiresAt, verified.Keys.Expires)
	}
	for name, pair := range map[string][2]store.Key{
		"session": {verified.Keys.Session, store.NewKey("default", store.KindSession, tokentest.Issuer, "session-1")},
		"token":   {verified.Keys.Token, store.NewKey("default", store.KindToken, tokentest.Issuer, "token-1")},
		"subject": {verified.Keys.Subject, store.NewKey("default", store.KindSubject, tokentest.Issuer, "alice")},
		"issuer":  {verified.Keys.Issuer, store.NewKey("default", store.KindIssuer, tokentest.Issuer, "")},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s key %s, want %s", name, pair[0], pair[1])
		}
	}
}

func TestTokenWithoutIDsIsNamedByItsSigningInput(t *testing.T) {
	v, key := hmacVerifier(t)
	raw := tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"sid": nil, "jti": nil, "sub": nil}))
	verified := mustVerify(t, v, raw)
	sum := sha256.Sum256([]byte(signedPart(raw)))
	name := hex.EncodeToString(sum[:])
	if verified.TokenID != name {
		t.Errorf("token id %q, want %q", verified.TokenID, name)
	}
	if want := store.NewKey("default", store.KindToken, tokentest.Issuer, name); verified.Keys.Token != want {
		t.Errorf("token key %s, want %s", verified.Keys.Token, want)
	}
	if !verified.Keys.Session.IsZero() || !verified.Keys.Subject.IsZero() {
		t.Error("a session or a subject out of nothing")
	}

	raw = tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"jti": nil}))
	if verified := mustVerify(t, v, raw); verified.TokenID != "" || verified.Keys.Token.IsZero() {
		t.Errorf("with a session id: token id %q, key %s", verified.TokenID, verified.Keys.Token)
	}
}

func TestVerifyReadsTheConfiguredClaims(t *testing.T) {
	v, key := hmacVerifier(t, func(o *token.Options) {
		o.Issuers[0].SessionClaims, o.Issuers[0].TokenIDClaim = []string{"session_state"}, "uti"
	})
	verified := mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{
		"sid": true, "jti": false, "session_state": "s", "uti": "u",
	})))
	if verified.SessionID != "s" || verified.TokenID != "u" {
		t.Errorf("session %q, token %q", verified.SessionID, verified.TokenID)
	}
}

// Invariant 6. Attack: an issuer logs out, or takes over, sessions of another issuer by
// choosing the same ids.
func TestSameIDsUnderTwoIssuersNeverMeet(t *testing.T) {
	other := tokentest.NewKey(t, "HS256", "")
	v, key := hmacVerifier(t, func(o *token.Options) {
		o.Issuers = append(o.Issuers, token.IssuerOptions{
			Issuer: "https://other.example.com", AnyAudience: true, Keys: sourceFor(t, other),
		})
	})
	first := mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, nil)))
	claims := tokentest.Claims(now, map[string]any{"iss": "https://other.example.com"})
	second := mustVerify(t, v, tokentest.Mint(t, other, claims))
	if first.Keys.Session == second.Keys.Session || first.Keys.Token == second.Keys.Token ||
		first.Keys.Subject == second.Keys.Subject || first.Keys.Issuer == second.Keys.Issuer {
		t.Error("two issuers share a key")
	}
	// Neither can sign for the other.
	mustRefuse(t, v, tokentest.Mint(t, key, claims), token.ErrInvalid)
	mustRefuse(t, v, tokentest.Mint(t, other, tokentest.Claims(now, nil)), token.ErrInvalid)
}

func TestMintHMAC(t *testing.T) {
	v, key := hmacVerifier(t)
	raw, err := token.MintHMAC(key.Secret, tokentest.Claims(now, nil))
	if err != nil {
		t.Fatal(err)
	}
	if got := mustVerify(t, v, raw).Subject; got != "alice" {
		t.Errorf("subject %q", got)
	}
	if _, err := token.MintHMAC(key.Secret[:keys.MinSecretSize-1], nil); err == nil {
		t.Error("a short secret was accepted")
	}
	if _, err := token.MintHMAC(key.Secret, map[string]any{"x": make(chan int)}); err == nil {
		t.Error("claims that are not JSON were accepted")
	}
}

func TestVerifyContinuesWithoutCacheAfterClose(t *testing.T) {
	v, key := hmacVerifier(t)
	raw := tokentest.Mint(t, key, tokentest.Claims(now, nil))
	mustVerify(t, v, raw)
	v.Close()
	v.Close()
	if a, b := mustVerify(t, v, raw), mustVerify(t, v, raw); a == b {
		t.Error("answered from a closed cache")
	}
	if _, err := v.Verify(raw, now.Add(time.Hour)); err == nil {
		t.Error("expired token accepted")
	}
}
