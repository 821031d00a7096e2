package token_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Invariant 1: the explanation is the decision. Each step fails where Verify fails, with
// its error.
func TestTheExplanationEndsWhereVerifyDoes(t *testing.T) {
	v, key := hmacVerifier(t)
	other := &tokentest.Key{Algorithm: "HS256", Secret: []byte(strings.Repeat("other", 8))}
	mint := func(changes map[string]any, header ...map[string]any) string {
		return tokentest.Mint(t, key, tokentest.Claims(now, changes), header...)
	}
	for name, c := range map[string]struct {
		raw  string
		last token.Step
		err  error
	}{
		"good":               {mint(nil), token.StepTime, nil},
		"not a token":        {"gone fishing", token.StepForm, token.ErrMalformed},
		"critical extension": {mint(nil, map[string]any{"crit": []string{"b64"}}), token.StepForm, token.ErrInvalid},
		"another typ":        {mint(nil, map[string]any{"typ": "logout+jwt"}), token.StepForm, token.ErrInvalid},
		"alg none":           {mint(nil, map[string]any{"alg": "none"}), token.StepAlgorithm, token.ErrInvalid},
		"unknown issuer":     {mint(map[string]any{"iss": "https://evil"}), token.StepIssuer, token.ErrInvalid},
		"forged":             {tokentest.Mint(t, other, tokentest.Claims(now, nil)), token.StepSignature, token.ErrInvalid},
		"a logout token":     {mint(map[string]any{"events": map[string]any{logoutURI: true}}), token.StepClaims, token.ErrInvalid},
		"another audience":   {mint(map[string]any{"aud": "other"}), token.StepAudience, token.ErrInvalid},
		"no exp":             {mint(map[string]any{"exp": nil}), token.StepLifetime, token.ErrInvalid},
		"too long a life":    {mint(map[string]any{"exp": now.Add(1000 * time.Hour).Unix()}), token.StepLifetime, token.ErrInvalid},
		"a sid that is none": {mint(map[string]any{"sid": true}), token.StepIdentity, token.ErrInvalid},
		"expired":            {mint(map[string]any{"iat": now.Unix() - 900, "exp": now.Unix() - 600}), token.StepTime, token.ErrExpired},
		"not yet valid":      {mint(map[string]any{"nbf": now.Unix() + 600}), token.StepTime, token.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			got := v.Explain(c.raw, now)
			_, want := v.Verify(c.raw, now)
			if !errors.Is(got.Err, c.err) || (want == nil) != (got.Err == nil) || want != nil && want.Error() != got.Err.Error() {
				t.Errorf("explained as %v, Verify says %v, want %v", got.Err, want, c.err)
			}
			if last := got.Steps[len(got.Steps)-1]; last != c.last {
				t.Errorf("ends with the step %s, want %s", last, c.last)
			}
			for _, step := range append(got.Steps, token.StepAudience, token.StepRequire, token.StepTime) {
				if compared := got.Compare(step); step == c.last && step != token.StepClaims && len(compared.Found) == 0 {
					t.Errorf("the last step, %s, compares %+v", step, compared)
				}
			}
			if (got.Token != nil) != (c.last == token.StepTime) {
				t.Errorf("the token is %v", got.Token)
			}
		})
	}
	e := v.Explain(mint(nil, map[string]any{"kid": "key-7"}), now)
	if e.Algorithm != "HS256" || e.KeyID != "key-7" || e.Issuer != tokentest.Issuer || len(e.Steps) != 9 {
		t.Errorf("explained as %+v", e)
	}
}

func TestATokenIsDistinguishedFromAnID(t *testing.T) {
	_, key := hmacVerifier(t)
	good := tokentest.Mint(t, key, tokentest.Claims(now, nil))
	for text, want := range map[string]bool{
		good: true, good + "x": true, tokentest.Mint(t, key, map[string]any{}, map[string]any{"crit": "x"}): true,
		"": false, "4711": false, "a.b.c": false, "e30.e30": false, good + " ": false, strings.Repeat("x", 300): false,
	} {
		if got := token.IsSigned(text); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}
