package operator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Fault: every token is refused, and nobody can tell which value of the configuration differs
// from which value of the token. Each rule shows both.
func TestEachRuleShowsWhatItCompared(t *testing.T) {
	app := operatortest.Trusting(t, func(o *token.IssuerOptions) {
		o.Require = []token.Requirement{{Claim: "token_use", Values: []string{"access", "id"}}}
		o.AudienceClaims, o.Algorithms = []string{"aud", "azp"}, []string{"HS256", "HS384"}
	})
	now := time.Now()
	e, _ := explain(t, app, app.Mint(t, map[string]any{
		"sid": "laptop", "jti": "one", "token_use": "access", "azp": "web", "iat": now.Unix() - 60, "exp": now.Unix() + 240,
	}, map[string]any{"kid": "key-1", "typ": "at+jwt"}))
	if !e.Admitted {
		t.Fatalf("explained as %+v", e)
	}
	want := map[string][2]string{
		"form":       {"typ JWT or at+jwt or none, max_token_size 8192", `typ "at+jwt", `},
		"algorithm":  {"alg HS256 or HS384", `alg "HS256"`},
		"issuer":     {`iss "` + tokentest.Issuer + `"`, `iss "` + tokentest.Issuer + `"`},
		"signature":  {"alg HS256 or HS384", `alg "HS256", kid "key-1"`},
		"audience":   {`aud or azp "` + tokentest.Audience + `"`, `aud "` + tokentest.Audience + `", azp "web"`},
		"require":    {`token_use "access" or "id"`, `token_use "access"`},
		"lifetime":   {"exp at most 24h0m0s after iat", fmt.Sprintf("iat %d, exp %d", now.Unix()-60, now.Unix()+240)},
		"identity":   {"sub as a text, an integer or none, sid as a text, an integer or none, jti as a text, an integer or none", `sub "alice", sid "laptop", jti "one"`},
		"time":       {"now from 20", "now 20"},
		"claims":     {"", ""},
		"revocation": {"", ""},
		"freshness":  {"", ""},
	}
	for _, step := range e.Steps {
		c, known := want[step.Step]
		if !known || !strings.HasPrefix(step.Expected, c[0]) || !strings.HasPrefix(step.Found, c[1]) || (step.Expected == "") != (c[0] == "") {
			t.Errorf("%s: expected %q, found %q, want %q", step.Step, step.Expected, step.Found, c)
		}
		delete(want, step.Step)
	}
	if len(want) > 0 {
		t.Errorf("not explained: %v", want)
	}
}

// The step that a token does not pass shows both values, too.
func TestTheBrokenRuleShowsWhatItCompared(t *testing.T) {
	now := time.Now()
	nothing := func(*token.IssuerOptions) {}
	many := make([]string, 300)
	for i := range many {
		many[i] = fmt.Sprint("audience-", i, "-", strings.Repeat("x", 200))
	}
	for name, c := range map[string]struct {
		change         func(*token.IssuerOptions)
		claims, header map[string]any
		expected       string
		found          string
	}{
		"another typ":         {nothing, nil, map[string]any{"typ": "logout+jwt"}, "typ JWT or at+jwt or none", `typ "logout+jwt"`},
		"another audience":    {nothing, map[string]any{"aud": []string{"a", "b"}}, nil, `aud "` + tokentest.Audience + `"`, `aud ["a","b"]`},
		"no audience":         {nothing, map[string]any{"aud": nil}, nil, `aud "`, "no aud"},
		"too long a life":     {nothing, map[string]any{"iat": now.Unix(), "exp": now.Unix() + 90000}, nil, "exp at most 24h0m0s after iat", fmt.Sprint("exp ", now.Unix()+90000)},
		"no time of issue":    {nothing, map[string]any{"iat": nil}, nil, "exp at most", "no iat"},
		"a session of no id":  {nothing, map[string]any{"sid": true}, nil, "sid as a text", "sid true"},
		"no session":          {refusing, map[string]any{"sid": nil}, nil, "a session claim, or a subject with auth_time", "no sid"},
		"another tenant":      {wildcard("9188040d"), map[string]any{"iss": "https://login.example.com/72f9/v2.0", "tid": "72f9"}, nil, `tid "9188040d"`, `tid "72f9"`},
		"expired":             {nothing, map[string]any{"iat": now.Unix() - 900, "exp": now.Unix() - 600}, nil, "now from ", fmt.Sprint("exp ", now.Unix()-600)},
		"many long audiences": {func(o *token.IssuerOptions) { o.Audiences = many }, nil, nil, "and 290 more", "aud"},
	} {
		t.Run(name, func(t *testing.T) {
			app := operatortest.Trusting(t, c.change)
			e, last := explain(t, app, app.Mint(t, c.claims, c.header))
			if e.Admitted || !strings.Contains(last.Expected, c.expected) || !strings.Contains(last.Found, c.found) {
				t.Errorf("explained as %+v, want expected %q, found %q", last, c.expected, c.found)
			}
			if len(last.Expected) > 2000 || len(last.Found) > 2000 {
				t.Errorf("shows %d and %d bytes", len(last.Expected), len(last.Found))
			}
		})
	}
}

// The key ids of the issuer are shown beside that of the token: after a rotation they differ.
func TestKeyIDsAreCompared(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "old")
	document, err := json.Marshal(map[string]any{"keys": []any{tokentest.NewKey(t, "ES256", "new-1").JWK(t), tokentest.NewKey(t, "ES256", "new-2").JWK(t)}})
	if err != nil {
		t.Fatal(err)
	}
	source, _, err := keys.NewJWKS("keys.json", document)
	if err != nil {
		t.Fatal(err)
	}
	app := operatortest.Trusting(t, func(o *token.IssuerOptions) { o.Keys = source })
	e, last := explain(t, app, tokentest.Mint(t, key, tokentest.Claims(time.Now(), nil)))
	if e.Admitted || last.Step != "signature" || !strings.HasSuffix(last.Expected, `kid "new-1", kid "new-2"`) || !strings.HasSuffix(last.Found, `kid "old"`) {
		t.Errorf("explained as %+v", last)
	}
}

// A refused token still names its user and its session, so that the operator finds them.
//
// Attack: have an operator believe in a forged session.
func TestARefusedTokenNamesItsUser(t *testing.T) {
	app := operatortest.New(t)
	claims := map[string]any{"sid": "laptop", "sub": "bob", "aud": "other"}
	e, _ := explain(t, app, app.Mint(t, claims))
	if e.Admitted || e.Claims == nil || e.Claims.Subject != "bob" || e.Claims.SessionID != "laptop" || e.Claims.SessionKey == "" || e.Unverified != nil || e.Ends != "" {
		t.Errorf("signed, explained as %+v, %+v", e.Claims, e.Unverified)
	}
	forged := tokentest.Mint(t, &tokentest.Key{Algorithm: "HS256", Secret: []byte(strings.Repeat("x", 32))}, tokentest.Claims(time.Now(), claims))
	e, _ = explain(t, app, forged)
	if e.Admitted || e.Claims != nil || e.Unverified == nil || e.Unverified.Subject != "bob" || e.Unverified.SessionID != "laptop" || e.Unverified.IssuedAt.IsZero() {
		t.Errorf("forged, explained as %+v, %+v", e.Claims, e.Unverified)
	}
	e, _ = explain(t, app, app.Mint(t, map[string]any{"sub": "bob"}))
	if e.Claims == nil || e.Unverified != nil {
		t.Errorf("valid, explained as %+v, %+v", e.Claims, e.Unverified)
	}
	if e, _ = explain(t, app, "a.b.c"); e.Claims != nil || e.Unverified != nil {
		t.Errorf("no token, explained as %+v, %+v", e.Claims, e.Unverified)
	}
}

// Fault: check says that a token is in order, and one site refuses it by its own rules.
func TestCheckTellsWhatSitesSay(t *testing.T) {
	app := operatortest.New(t)
	for _, site := range []token.Site{
		{Audiences: []string{"app-a"}, Require: []token.Requirement{{Claim: "scope", Values: []string{"read"}}}},
		{Audiences: []string{tokentest.Audience}},
		{Audiences: []string{tokentest.Audience}},
	} {
		if _, err := app.Verifier().AddSite(site); err != nil {
			t.Fatal(err)
		}
	}
	e, _ := explain(t, app, app.Mint(t, nil))
	want := []operator.SiteRules{{Rules: `audience "app-a", require scope "read"`}, {Rules: `audience "` + tokentest.Audience + `"`, Passed: true}}
	if !e.Admitted || e.Status != http.StatusOK || fmt.Sprint(e.Sites) != fmt.Sprint(want) {
		t.Errorf("explained as %+v, want %+v", e.Sites, want)
	}
}
