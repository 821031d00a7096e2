package token_test

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

func TestOptionsRefused(t *testing.T) {
	public := sourceFor(t, tokentest.NewKey(t, "ES256", ""))
	secret := sourceFor(t, tokentest.NewKey(t, "HS256", ""))
	remote, err := keys.NewRemote(keys.RemoteOptions{URL: "https://id.example.com/jwks.json"})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		change func(o *token.Options)
		want   string
	}{
		"no issuer":           {func(o *token.Options) { o.Issuers = nil }, "no issuer"},
		"issuer without name": {func(o *token.Options) { o.Issuers[0].Issuer = "" }, "no name"},
		"issuer without keys": {func(o *token.Options) { o.Issuers[0].Keys = nil }, "no keys"},
		"issuer twice":        {func(o *token.Options) { o.Issuers = append(o.Issuers, o.Issuers[0]) }, "given twice"},
		"no audience":         {func(o *token.Options) { o.Issuers[0].Audiences = nil }, "no audience"},
		"empty audience":      {func(o *token.Options) { o.Issuers[0].Audiences = []string{"a", ""} }, "empty audience"},
		"audience and any":    {func(o *token.Options) { o.Issuers[0].AnyAudience = true }, "any audience"},
		"one claim for both":  {func(o *token.Options) { o.Issuers[0].SessionClaims = []string{"sid", "jti"} }, "one claim"},
		"exp as a session":    {func(o *token.Options) { o.Issuers[0].SessionClaims = []string{"exp"} }, "cannot name"},
		"the login's time":    {func(o *token.Options) { o.Issuers[0].SessionClaims = []string{"sid", "auth_time"} }, "cannot name"},
		"iat as a subject":    {func(o *token.Options) { o.Issuers[0].SubjectClaims = []string{"iat"} }, "cannot name"},
		"a claim of no name":  {func(o *token.Options) { o.Issuers[0].ScopeClaims = []string{""} }, "a claim without a name"},
		"no value required":   {func(o *token.Options) { o.Issuers[0].Require = []token.Requirement{{Claim: "a"}} }, "with 0 values"},
		"a negative lifetime": {func(o *token.Options) { o.Issuers[0].AcceptMissingIssuedAt = -1 }, "negative lifetime"},
		"a star, no wildcard": {wildcardOf("https://a/*", ""), "name the claim that stands there with wildcard"},
		"a wildcard, no star": {wildcardOf("https://a", "tid"), "exactly one *"},
		"two stars":           {wildcardOf("https://*/*", "tid"), "exactly one *"},
		"two nameless issuers": {func(o *token.Options) {
			o.Issuers[0].AcceptMissingIssuer = true
			o.Issuers = append(o.Issuers, o.Issuers[0])
			o.Issuers[1].Issuer = "j"
		}, `issuers "i" and "j" both have accept_missing_iss`},
		"two stars for a name": {func(o *token.Options) {
			wildcardOf("https://a/*/v2", "tid")(o)
			o.Issuers = append(o.Issuers, o.Issuers[0])
			o.Issuers[1].Issuer = "https://a/b/*/v2"
		}, "make their names differ beside the *"},
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
		"tokens too long":      {func(o *token.Options) { o.MaxTokenSize = token.MaxTokenSize + 1 }, "tokens of 65537 bytes, want 65536 at most"},
		"negative token size":  {func(o *token.Options) { o.MaxTokenSize = -1 }, "tokens of -1 bytes"},
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

func wildcardOf(issuer, claim string) func(*token.Options) {
	return func(o *token.Options) { o.Issuers[0].Issuer, o.Issuers[0].WildcardClaim = issuer, claim }
}

func algorithmsOf(source keys.Source, algorithms ...string) func(*token.Options) {
	return func(o *token.Options) { o.Issuers[0].Keys, o.Issuers[0].Algorithms = source, algorithms }
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

// Attack: tokens that are longer than those of any issuer, to make the gate work.
func TestTokensHaveABoundOfSize(t *testing.T) {
	for _, most := range []int{0, 9 << 10, token.MaxTokenSize} {
		v, key := hmacVerifier(t, func(o *token.Options) { o.MaxTokenSize = most })
		want := cmp.Or(most, token.DefaultTokenSize)
		if got := v.TokenSize(); got != want {
			t.Errorf("tokens of %d bytes are accepted, want %d", got, want)
		}
		sized := func(size int) string {
			// Three bytes of a claim are four of the token.
			bare := len(tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"x": ""})))
			for filled := (size - bare) * 3 / 4; ; filled++ {
				raw := tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"x": strings.Repeat("x", filled)}))
				if len(raw) >= size {
					return raw
				}
			}
		}
		if raw := sized(want - 4); len(raw) > want {
			t.Errorf("a token of %d bytes, want at most %d", len(raw), want)
		} else {
			mustVerify(t, v, raw)
		}
		mustRefuse(t, v, sized(want+1), token.ErrMalformed)
		// A refresh token may be longer. The gate only learns from it.
		if _, err := v.VerifySignatureOnly(sized(want + 1)); (err != nil) != (most == token.MaxTokenSize) {
			t.Errorf("a token of over %d bytes, by its signature: %v", want, err)
		}
	}
}
