package token_test

import (
	"errors"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

func mustAddSite(t *testing.T, v *token.Verifier, site token.Site) int {
	t.Helper()
	index, err := v.AddSite(site)
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// Attack: a token for one application behind a gate is used at another application behind
// the same process, also when the first has just put it into the cache.
func TestSitesNarrowTheIssuersRules(t *testing.T) {
	v, key := hmacVerifier(t, func(o *token.Options) { o.Issuers[0].AudienceClaims = []string{"aud", "azp"} })
	mint := func(changes map[string]any) string { return tokentest.Mint(t, key, tokentest.Claims(now, changes)) }
	usual, reader := mint(nil), mint(map[string]any{"aud": []string{"other-app"}, "azp": "app-a", "scope": "openid read"})
	cacheToken(t, v, reader)

	none := mustAddSite(t, v, token.Site{})
	other := mustAddSite(t, v, token.Site{Audiences: []string{"other-app", "app-b"}})
	azp := mustAddSite(t, v, token.Site{Audiences: []string{"app-a"}})
	reads := mustAddSite(t, v, token.Site{Require: []token.Requirement{{Claim: "scope", Values: []string{"read"}}}})
	both := mustAddSite(t, v, token.Site{
		Audiences: []string{"app-a"}, Require: []token.Requirement{{Claim: "scope", Values: []string{"read"}}, {Claim: "sub", Values: []string{"bob"}}},
	})
	for _, test := range []struct {
		name string
		site int
		raw  string
		want bool
	}{
		{"no rules", none, usual, true},
		{"no rules", none, reader, true},
		{"an audience", other, usual, false},
		{"an audience", other, reader, true},
		{"an audience in another claim", azp, usual, false},
		{"an audience in another claim", azp, reader, true},
		{"a scope", reads, usual, false},
		{"a scope", reads, reader, true},
		{"one rule of three is not met", both, reader, false},
	} {
		for range 2 { // once verified, once from the cache
			verified := mustVerify(t, v, test.raw)
			if err := v.CheckSite(verified, test.site); (err == nil) != test.want || err != nil && !errors.Is(err, token.ErrInvalid) {
				t.Errorf("%s: %v, want accepted %t", test.name, err, test.want)
			}
			v.WaitForCache()
		}
	}
	learned, err := v.VerifySignatureOnly(reader)
	if err != nil || v.CheckSite(learned, reads) == nil || v.CheckSite(learned, none) != nil {
		t.Errorf("a token that was only learned from: %v", err)
	}
	verified := cacheToken(t, v, reader)
	if n := testing.AllocsPerRun(100, func() {
		if again, err := v.Verify(reader, now); again != verified || err != nil || v.CheckSite(again, reads) != nil {
			t.Error("refused, or verified again")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Attack: the gate checks a claim of the site, and the application reads its twin.
func TestClaimsOfSitesHaveNoTwins(t *testing.T) {
	v, key := hmacVerifier(t)
	raw := tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, `"role":"admin","Role":"user"`))
	mustVerify(t, v, raw)
	mustAddSite(t, v, token.Site{Require: []token.Requirement{{Claim: "role", Values: []string{"admin"}}}})
	mustRefuse(t, v, raw, token.ErrInvalid)
}

func TestSitesRefused(t *testing.T) {
	v, _ := hmacVerifier(t)
	_, err := v.AddSite(token.Site{Require: []token.Requirement{{Claim: "a"}}})
	wantError(t, err, "with 0 values")
	_, err = v.AddSite(token.Site{Audiences: []string{""}})
	wantError(t, err, "an empty audience")
}
