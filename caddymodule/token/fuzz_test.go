package token_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// An HS256 token has one spelling. Whatever else is made of it is refused, for
// one reason of the five, and never makes the verifier fall.
func FuzzVerify(f *testing.F) {
	v, key := hmacVerifier(f)
	genuine := tokentest.Mint(f, key, tokentest.Claims(now, nil))
	f.Add(genuine)
	f.Add(genuine + "A")
	f.Add(signedPart(genuine))
	f.Add(strings.ToLower(genuine))
	f.Add("..")
	f.Fuzz(func(t *testing.T, raw string) {
		verified, err := v.Verify(raw, now)
		if err == nil {
			if raw != genuine {
				t.Errorf("accepted another spelling: %q", raw)
			}
			return
		}
		if verified != nil {
			t.Error("a token beside the error")
		}
		if !errors.Is(err, token.ErrMalformed) && !errors.Is(err, token.ErrInvalid) {
			t.Errorf("refused for no reason: %v", err)
		}
	})
}

// Whatever claims an issuer signs, what is accepted has sound ids and dates.
func FuzzClaims(f *testing.F) {
	v, key := hmacVerifier(f)
	f.Add(claimsJSON(f, nil))
	f.Add(with(f, `"a":{"b":[1,"x"]},"scope":"a b","scp":["c"],"aud":["legacy-app"]`, "aud"))
	f.Add(with(f, `"exp":1.8e9,"iat":1.79999e9,"nbf":0`, "exp", "iat"))
	f.Fuzz(func(t *testing.T, claims string) {
		verified, err := v.Verify(tokentest.Seal(t, key, `{"alg":"HS256"}`, claims), now)
		if err != nil {
			return
		}
		for _, id := range []string{verified.Subject, verified.SessionID, verified.TokenID} {
			if id != "" && !token.ValidID(id) {
				t.Errorf("accepted the id %q", id)
			}
		}
		if verified.ExpiresAt-verified.IssuedAt > 3600 || verified.ExpiresAt+30 <= now.Unix() || verified.IssuedAt-30 > now.Unix() {
			t.Errorf("accepted exp %d, iat %d", verified.ExpiresAt, verified.IssuedAt)
		}
		if verified.Keys.Token.IsZero() || verified.Keys.Issuer.IsZero() || verified.Keys.Session.IsZero() != (verified.SessionID == "") {
			t.Error("keys do not match the ids")
		}
	})
}
