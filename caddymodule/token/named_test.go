package token_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Attack: write the name of a victim, or another text, into the logs of a gate, with a token
// that nobody has signed. Only the signature shows that the claims are the issuer's words.
func TestARefusedTokenNamesItsUserOnlyIfItIsSigned(t *testing.T) {
	v, key := hmacVerifier(t)
	index, err := v.AddSite(token.Site{Audiences: []string{"nobody"}})
	if err != nil {
		t.Fatal(err)
	}
	stranger := tokentest.NewKey(t, "HS256", "")
	stranger.Secret = []byte("another secret of thirty-two bytes")
	verify := func(raw string) error {
		_, err := v.Verify(raw, now)
		return err
	}
	claims := func(changes map[string]any) map[string]any { return tokentest.Claims(now, changes) }
	cached := cacheToken(t, v, tokentest.Mint(t, key, claims(map[string]any{"jti": "cached"})))
	atEnd := func() error {
		_, err := v.Verify(cached.Raw(), now.Add(24*time.Hour))
		return err
	}
	for name, c := range map[string]struct {
		err                   error
		issuer, subject, rule string
	}{
		"expired":                   {verify(tokentest.Mint(t, key, claims(map[string]any{"iat": now.Unix() - 3000, "exp": now.Unix() - 100}))), tokentest.Issuer, "alice", "its time is over"},
		"expired in the cache":      {atEnd(), tokentest.Issuer, "alice", "its time is over"},
		"another audience":          {verify(tokentest.Mint(t, key, claims(map[string]any{"aud": "x"}))), tokentest.Issuer, "alice", "aud does not name this gate; audience lists what is accepted, audience_claim names another claim, and any_audience accepts all"},
		"another site":              {v.CheckSite(mustVerify(t, v, cached.Raw()), index), tokentest.Issuer, "alice", "it is not for this site; its session_gate has an audience or require of its own"},
		"no exp":                    {verify(tokentest.Mint(t, key, claims(map[string]any{"exp": nil}))), tokentest.Issuer, "alice", `"exp" is missing`},
		"a subject that is no text": {verify(tokentest.Mint(t, key, claims(map[string]any{"sub": []string{"alice"}}))), tokentest.Issuer, "", `"sub" is not a usable id`},
		"a forged signature":        {verify(tokentest.Mint(t, stranger, claims(nil))), tokentest.Issuer, "", "signature does not verify"},
		"another issuer":            {verify(tokentest.Mint(t, key, claims(map[string]any{"iss": "https://evil.example"}))), "", "", "iss is not trusted"},
		"another algorithm":         {verify(tokentest.Seal(t, key, `{"alg":"none"}`, `{"iss":"`+tokentest.Issuer+`","sub":"alice"}`)), "", "", "alg is not allowed; algorithms lists those that are, and each has to fit a key of the issuer (hmac_secret for HS)"},
		"a claim twice":             {verify(tokentest.Seal(t, key, `{"alg":"HS256"}`, `{"iss":"`+tokentest.Issuer+`","sub":"alice","sub":"bob"}`)), tokentest.Issuer, "", "payload: scanning JSON: two members share a name"},
		"no token":                  {verify("canary.broken"), "", "", "not three parts, so it is opaque or encrypted, or no token at all; let the issuer issue signed JWTs"},
	} {
		if issuer, subject := token.Named(c.err); issuer != c.issuer || subject != c.subject || token.Rule(c.err) != c.rule {
			t.Errorf("%s: of %q, subject %q, rule %q; want %q, %q, %q", name, issuer, subject, token.Rule(c.err), c.issuer, c.subject, c.rule)
		}
	}
}

// Attack: a tenant of an issuer has a token signed that names another tenant, and a user of
// it. And anybody sends tokens of a thousand tenants: the name for logs is that of the
// configuration, so that nothing grows with the tenants.
func TestARefusedTokenOfATenantNamesTheConfiguredIssuer(t *testing.T) {
	v, key := hmacVerifier(t, func(o *token.Options) {
		o.Issuers[0].Issuer, o.Issuers[0].WildcardClaim = "https://id.example/*/v2", "tid"
	})
	for name, c := range map[string]struct {
		changes map[string]any
		subject string
	}{
		"its own":  {map[string]any{"iss": "https://id.example/a/v2", "tid": "a", "aud": "x"}, "alice"},
		"another":  {map[string]any{"iss": "https://id.example/a/v2", "tid": "b"}, ""},
		"no claim": {map[string]any{"iss": "https://id.example/c/v2"}, ""},
	} {
		_, err := v.Verify(tokentest.Mint(t, key, tokentest.Claims(now, c.changes)), now)
		if issuer, subject := token.Named(err); issuer != "https://id.example/*/v2" || subject != c.subject {
			t.Errorf("%s: of %q, subject %q, want %q", name, issuer, subject, c.subject)
		}
	}
}

func TestARefusedLogoutTokenNamesItsUser(t *testing.T) {
	v, key := hmacVerifier(t)
	_, err := v.VerifyLogout(tokentest.Mint(t, key, tokentest.Claims(now, nil)), now)
	signed := (*token.SignedError)(nil)
	if !errors.As(err, &signed) || signed.Issuer != tokentest.Issuer || signed.Configured != tokentest.Issuer || signed.Subject != "alice" {
		t.Errorf("got %#v", err)
	}
}

// A key that is unknown may be new, and the issuer is asked for it. The refusal still names the
// issuer, so that a log tells whose keys fail.
func TestARefusalAfterAWaitNamesTheIssuer(t *testing.T) {
	key := tokentest.NewKey(t, "HS256", "")
	v, source := watchedVerifier(t, key)
	source.verifying = func() error { return token.ErrUnknownKey }
	at := now
	_, err := v.VerifyWaiting(t.Context(), tokentest.Mint(t, key, tokentest.Claims(now, nil)), &at)
	if issuer, subject := token.Named(err); issuer != tokentest.Issuer || subject != "" {
		t.Errorf("%v is of %q, subject %q", err, issuer, subject)
	}
}
