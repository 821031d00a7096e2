package token_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// A token of any kind has the same revocation keys as an access token of its session.
func TestVerifySignatureOnlyReadsTokensOfEveryKind(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "")
	v := verifierFor(t, sourceFor(t, key))
	now := time.Now()
	access, err := v.Verify(tokentest.Mint(t, key, tokentest.Claims(now, nil)), now)
	if err != nil {
		t.Fatal(err)
	}
	long := now.Add(30 * 24 * time.Hour).Unix()
	for name, tt := range map[string]struct {
		header, claims map[string]any
	}{
		"a refresh token":        {map[string]any{"typ": "rt+jwt"}, map[string]any{"aud": tokentest.Issuer, "exp": long}},
		"one that says Refresh":  {map[string]any{"typ": "JWT"}, map[string]any{"aud": nil, "typ": "Refresh"}},
		"an ID token":            {map[string]any{"typ": nil}, map[string]any{"aud": []string{"client"}, "nonce": "n"}},
		"one that has expired":   {nil, map[string]any{"exp": now.Add(-time.Hour).Unix()}},
		"one that says no dates": {nil, map[string]any{"exp": nil, "iat": nil}},
	} {
		got, err := v.VerifySignatureOnly(tokentest.Mint(t, key, tokentest.Claims(now, tt.claims), tt.header))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Keys.Session != access.Keys.Session || got.Keys.Token != access.Keys.Token ||
			got.Keys.Subject != access.Keys.Subject || got.Keys.Issuer != access.Keys.Issuer {
			t.Errorf("%s: other names than those of the access token", name)
		}
		if _, dated := tt.claims["iat"]; (got.IssuedAt == now.Unix()) == dated {
			t.Errorf("%s: issued at %d", name, got.IssuedAt)
		}
	}
}

// Attack: with a token that no trusted issuer has signed, an attacker makes the gate end,
// or keep, another user's session.
func TestVerifySignatureOnlyTrustsOnlyTheIssuers(t *testing.T) {
	key, other := tokentest.NewKey(t, "ES256", ""), tokentest.NewKey(t, "ES256", "")
	v := verifierFor(t, sourceFor(t, key))
	claims := tokentest.Claims(time.Now(), nil)
	for name, raw := range map[string]string{
		"no JWT":            "8xLOxBtZp8",
		"another key":       tokentest.Mint(t, other, claims),
		"another issuer":    tokentest.Mint(t, key, tokentest.Claims(time.Now(), map[string]any{"iss": "https://other.example.com"})),
		"no issuer":         tokentest.Mint(t, key, tokentest.Claims(time.Now(), map[string]any{"iss": nil})),
		"another algorithm": tokentest.Mint(t, tokentest.NewKey(t, "HS256", ""), claims),
		"a duplicate":       tokentest.Seal(t, key, `{"alg":"ES256"}`, `{"iss":"https://id.example.com","sid":"a","SID":"b"}`),
		"a session of bool": tokentest.Mint(t, key, tokentest.Claims(time.Now(), map[string]any{"sid": true})),
		"a date of text":    tokentest.Mint(t, key, tokentest.Claims(time.Now(), map[string]any{"exp": "tomorrow"})),
		"no object":         tokentest.Seal(t, key, `{"alg":"ES256"}`, `[]`),
		"a critical header": tokentest.Mint(t, key, claims, map[string]any{"crit": []string{"b64"}}),
		"no base64":         "eyJhbGciOiJFUzI1NiJ9.e.e",
	} {
		if got, err := v.VerifySignatureOnly(raw); !errors.Is(err, token.ErrInvalid) && !errors.Is(err, token.ErrMalformed) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
