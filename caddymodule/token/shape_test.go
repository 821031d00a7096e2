package token_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// shapeTest is a token with these members under these rules.
type shapeTest struct {
	name    string
	change  func(*token.IssuerOptions)
	payload string
	want    error // nil for accepted
}

func runShapes(t *testing.T, tests []shapeTest) {
	t.Helper()
	key := tokentest.NewKey(t, "HS256", "")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := verifierFor(t, sourceFor(t, key), func(o *token.Options) { tt.change(&o.Issuers[0]) })
			raw := tokentest.Seal(t, key, `{"alg":"HS256"}`, tt.payload)
			if tt.want != nil {
				mustRefuse(t, v, raw, tt.want)
				return
			}
			mustVerify(t, v, raw)
		})
	}
}

// Attack: a token for another client of the issuer, which holds the audience in a claim that
// the operator did not name.
func TestAudienceClaims(t *testing.T) {
	invalid := token.ErrInvalid
	claims := func(names ...string) func(*token.IssuerOptions) {
		return func(o *token.IssuerOptions) { o.AudienceClaims = names }
	}
	runShapes(t, []shapeTest{
		{"client_id instead of aud", claims("client_id"), with(t, `"client_id":"legacy-app"`, "aud"), nil},
		{"client_id beside another aud", claims("client_id"), with(t, `"client_id":"legacy-app","aud":"x"`, "aud"), nil},
		{"another client_id beside our aud", claims("client_id"), with(t, `"client_id":"x"`), invalid},
		{"the second of the claims", claims("aud", "azp"), with(t, `"aud":"account","azp":"legacy-app"`, "aud"), nil},
		{"the first of the claims", claims("aud", "azp"), with(t, `"azp":"web"`), nil},
		{"none of the claims", claims("aud", "azp"), with(t, `"aud":"account","azp":"web"`, "aud"), invalid},
		{"no such claim", claims("aud", "azp"), with(t, `"x":1`, "aud"), invalid},
		{"a null aud and our azp", claims("aud", "azp"), with(t, `"aud":null,"azp":"legacy-app"`, "aud"), nil},
		{"an empty aud and our azp", claims("aud", "azp"), with(t, `"aud":"","azp":"legacy-app"`, "aud"), nil},
		{"an aud that is no text", claims("aud", "azp"), with(t, `"aud":1,"azp":"legacy-app"`, "aud"), invalid},
		{"azp, which is not named", claims(), with(t, `"aud":"account","azp":"legacy-app"`, "aud"), invalid},
		{"a claim below the top level", claims("ext.app"), with(t, `"ext":{"app":["legacy-app"]}`, "aud"), nil},
		{"two readings of the claim", claims("client_id"), with(t, `"client_id":"legacy-app","Client_ID":"x"`), invalid},
		{"two readings below the top level", claims("ext.app"), with(t, `"ext":{"app":"legacy-app","App":"x"}`, "aud"), invalid},
	})
}

func TestAnAudienceElsewhereIsHinted(t *testing.T) {
	v, key := hmacVerifier(t)
	_, err := v.Verify(tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"aud": "account", "azp": tokentest.Audience})), now)
	wantError(t, err, "aud does not name this gate, but azp does: audience_claim azp accepts that")
	_, err = v.Verify(tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"aud": nil, "azp": "x"})), now)
	wantError(t, err, "aud is missing; audience lists what is accepted")
}

// The first claim that a token has names the session, the subject, and nothing else does.
func TestTheFirstClaimThatATokenHasCounts(t *testing.T) {
	v, key := hmacVerifier(t, func(o *token.Options) {
		o.Issuers[0].SessionClaims = []string{"https://example.com/sid", "session_id", "ext.sid"}
		o.Issuers[0].SubjectClaims = []string{"user_id", "sub"}
	})
	for members, want := range map[string]struct{ session, subject string }{
		`"https://example.com/sid":"a","session_id":"b"`: {"a", "alice"},
		`"session_id":"b","ext":{"sid":"c"}`:             {"b", "alice"},
		`"session_id":null,"ext":{"sid":"c"}`:            {"c", "alice"},
		`"session_id":"","ext":{"sid":7}`:                {"7", "alice"},
		`"ext":{"sid":""}`:                               {"", "alice"},
		`"user_id":17`:                                   {"", "17"},
		`"ext.sid":"d","ext":{"sid":"c"}`:                {"d", "alice"},
		`"ext":[{"sid":"c"}],"user_id":""`:               {"", "alice"},
	} {
		verified := mustVerify(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, members)))
		if verified.SessionID != want.session || verified.Subject != want.subject {
			t.Errorf("%s: session %q, subject %q, want %+v", members, verified.SessionID, verified.Subject, want)
		}
		if verified.Keys.Session.IsZero() != (want.session == "") {
			t.Errorf("%s: session key %s", members, verified.Keys.Session)
		}
	}
	// Attack: the first claim is unusable, and the second one names another session.
	for _, members := range []string{
		`"https://example.com/sid":true,"session_id":"b"`, `"user_id":{"id":1}`, `"session_id":"b","SESSION_ID":"c"`, `"ext":{"sid":"a"},"Ext":{"sid":"b"}`,
	} {
		mustRefuse(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, members)), token.ErrInvalid)
	}
}

func TestScopeClaims(t *testing.T) {
	v, key := hmacVerifier(t, func(o *token.Options) { o.Issuers[0].ScopeClaims = []string{"permissions", "realm_access.roles"} })
	for members, want := range map[string]bool{
		`"permissions":["a","sessions:revoke"]`:             true,
		`"permissions":"a sessions:revoke"`:                 true,
		`"realm_access":{"roles":["sessions:revoke"]}`:      true,
		`"scope":"sessions:revoke","scp":"sessions:revoke"`: false,
		`"realm_access":["sessions:revoke"]`:                false,
	} {
		if got := mustVerify(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, members))).HasScope("sessions:revoke"); got != want {
			t.Errorf("%s: %t, want %t", members, got, want)
		}
	}
}

// Attack: the application reads the claim in the other letter case, of which a gate sets a
// header. Names that no gate reads belong to the application.
func TestTwinsAreRefusedAmongTheNamesThatAreRead(t *testing.T) {
	v, key := hmacVerifier(t)
	seal := func(members string) string { return tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, members)) }
	email, roles := seal(`"email":"a@example.com","Email":"b@example.com"`), seal(`"realm_access":{},"Realm_Access":{}`)
	for _, raw := range []string{email, roles} {
		mustVerify(t, v, raw)
	}
	v.AddView([]string{"email", "realm_access.roles"})
	for _, raw := range []string{email, roles, seal(`"Auth_Time":1,"auth_time":1`)} {
		mustRefuse(t, v, raw, token.ErrInvalid)
	}
	mustVerify(t, v, seal(`"groups":[],"Groups":[]`))
}

// Attack: a token that the issuer signed for another purpose, such as an ID token of Cognito
// (token_use id), or for a user without the role.
func TestRequirements(t *testing.T) {
	invalid := token.ErrInvalid
	require := func(claim string, values ...string) func(*token.IssuerOptions) {
		return func(o *token.IssuerOptions) {
			o.Require = append(o.Require, token.Requirement{Claim: claim, Values: values})
			o.ScopeClaims = []string{"permissions"}
		}
	}
	use, roles, scope := require("token_use", "access"), require("realm_access.roles", "admin", "staff"), require("scope", "read")
	runShapes(t, []shapeTest{
		{"the value", use, with(t, `"token_use":"access"`), nil},
		{"another value", use, with(t, `"token_use":"id"`), invalid},
		{"no such claim", use, with(t, `"x":"access"`), invalid},
		{"null", use, with(t, `"token_use":null`), invalid},
		{"in other letters", use, with(t, `"token_use":"Access"`), invalid},
		{"the claim in other letters too", use, with(t, `"token_use":"access","Token_Use":"id"`), invalid},
		{"one word of a text", use, with(t, `"token_use":"no access"`), invalid},
		{"an object", use, with(t, `"token_use":{"access":true}`), invalid},
		{"a list with the value", roles, with(t, `"realm_access":{"roles":["user","staff"]}`), nil},
		{"a list without it", roles, with(t, `"realm_access":{"roles":["user"]}`), invalid},
		{"an empty list", roles, with(t, `"realm_access":{"roles":[]}`), invalid},
		{"a list in the list", roles, with(t, `"realm_access":{"roles":[["admin"]]}`), invalid},
		{"one text below the top level", roles, with(t, `"realm_access":{"roles":"admin"}`), nil},
		{"two lists", roles, with(t, `"realm_access":{"roles":["admin"],"Roles":[]}`), invalid},
		{"a member of that name at the top level", roles, with(t, `"realm_access.roles":"user","realm_access":{"roles":["admin"]}`), invalid},
		{"a scope", scope, with(t, `"scope":"openid read"`), nil},
		{"scopes in a list", scope, with(t, `"scope":["openid","read"]`), nil},
		{"a scope that contains it", scope, with(t, `"scope":"openid read:all"`), invalid},
		{"a scope of scope_claim", require("permissions", "read"), with(t, `"permissions":"openid read"`), nil},
		{"a number", require("ver", "2"), with(t, `"ver":2`), nil},
		{"a boolean", require("email_verified", "true"), with(t, `"email_verified":true`), nil},
		{"false", require("email_verified", "true"), with(t, `"email_verified":false`), invalid},
		{"both", func(o *token.IssuerOptions) { use(o); scope(o) }, with(t, `"token_use":"access","scope":"read"`), nil},
		{"one of two", func(o *token.IssuerOptions) { use(o); scope(o) }, with(t, `"token_use":"access","scope":"write"`), invalid},
	})
}

// An issuer without `iss`, such as Laravel Passport, is known by its keys alone.
func TestTokensWithoutAnIssuer(t *testing.T) {
	other := tokentest.NewKey(t, "HS256", "")
	v, key := hmacVerifier(t, func(o *token.Options) {
		o.Issuers[0].AcceptMissingIssuer = true
		o.Issuers = append(o.Issuers, token.IssuerOptions{Issuer: "https://other.example.com", AnyAudience: true, Keys: sourceFor(t, other)})
	})
	for _, payload := range []string{with(t, `"x":1`, "iss"), with(t, `"iss":null`, "iss"), with(t, `"iss":""`, "iss")} {
		verified := mustVerify(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, payload))
		if verified.Issuer != tokentest.Issuer || verified.Keys.Issuer.IsZero() {
			t.Errorf("%s: issuer %q", payload, verified.Issuer)
		}
		// Attack: the other issuer signs for the users of this one.
		mustRefuse(t, v, tokentest.Seal(t, other, `{"alg":"HS256"}`, payload), token.ErrInvalid)
	}
	mustRefuse(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, `"iss":1`, "iss")), token.ErrInvalid)
	mustRefuse(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, `"iss":"https://evil.example"`, "iss")), token.ErrInvalid)
	// Attack: an access token without `iss` ends a session. Logout tokens have to name the issuer.
	logout := logoutClaims(map[string]any{"iss": nil})
	if l, err := v.VerifyLogout(tokentest.Mint(t, key, logout), now); err == nil {
		t.Errorf("a logout token without iss: %+v", l)
	}
}

// The leeway is 30 s, the longest lifetime an hour.
func TestTokensWithoutIssuedAt(t *testing.T) {
	v, key := hmacVerifier(t, func(o *token.Options) { o.Issuers[0].AcceptMissingIssuedAt = 10 * time.Minute })
	for members, want := range map[string]int64{
		`"iat":1799999000,"nbf":1799998000,"exp":1800000300`: 1_799_999_000,
		`"nbf":1799999000.9,"exp":1800000300`:                1_799_999_000,
		`"exp":1800000300`:                                   1_799_999_700,
		`"iat":null,"nbf":null,"exp":1800000600.5`:           1_800_000_000,
	} {
		verified := mustVerify(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, members, "iat", "exp")))
		if verified.IssuedAt != want || verified.Keys.IssuedAt != want {
			t.Errorf("%s: issued at %d and %d, want %d", members, verified.IssuedAt, verified.Keys.IssuedAt, want)
		}
	}
	for members, want := range map[string]error{
		`"exp":1800000631`:                  token.ErrInvalid, // it lives longer than the issuer's tokens, so it would be from the future
		`"nbf":1800000031,"exp":1800000300`: token.ErrInvalid,
		`"nbf":1799990000,"exp":1800000300`: token.ErrInvalid, // beyond the longest lifetime
		`"iat":"x","exp":1800000300`:        token.ErrInvalid,
		`"exp":100`:                         token.ErrExpired,
		`"nbf":1799999000`:                  token.ErrInvalid, // no end
	} {
		mustRefuse(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, members, "iat", "exp")), want)
	}
	_, err := verifierFor(t, sourceFor(t, key)).Verify(tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, `"nbf":1800000000`, "iat")), now)
	wantError(t, err, `"iat" is missing; accept_missing_iat takes nbf`)
}

// Attack: a token that lives for 90.5 s counts as one of 90 s. So it looks younger than it is,
// and outlives the end of all tokens of its subject up to then.
func TestALifetimeWithoutIssuedAtIsRoundedUp(t *testing.T) {
	v, key := hmacVerifier(t, func(o *token.Options) { o.Issuers[0].AcceptMissingIssuedAt = 90*time.Second + 500*time.Millisecond })
	verified := mustVerify(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, `"exp":1800000060`, "iat", "exp")))
	if verified.IssuedAt != 1_799_999_969 {
		t.Errorf("issued at %d", verified.IssuedAt)
	}
}

// Attack: a token of one tenant passes for one of another tenant, or of a tenant that is not
// accepted. The tenants share the keys of the issuer.
func TestWildcardIssuers(t *testing.T) {
	const tenants = "https://login.example.com/*/v2.0"
	key := tokentest.NewKey(t, "HS256", "")
	verifier := func(values ...string) *token.Verifier {
		return verifierFor(t, sourceFor(t, key), func(o *token.Options) {
			o.Issuers[0].Issuer, o.Issuers[0].WildcardClaim, o.Issuers[0].WildcardValues = tenants, "tid", values
		})
	}
	mint := func(iss string, tid any) string {
		return tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"iss": iss, "tid": tid}))
	}
	v, some := verifier(), verifier("acme", "9188040d")
	a := mustVerify(t, v, mint("https://login.example.com/acme/v2.0", "acme"))
	b := mustVerify(t, v, mint("https://login.example.com/17/v2.0", 17))
	if a.Issuer != "https://login.example.com/acme/v2.0" || a.Keys.Session == b.Keys.Session || a.Keys.Issuer == b.Keys.Issuer {
		t.Errorf("issuer %q, sessions %s and %s", a.Issuer, a.Keys.Session, b.Keys.Session)
	}
	// The lead of the issuer's clock is that of all its tenants.
	mustVerify(t, some, tokentest.Mint(t, key, tokentest.Claims(now.Add(7*time.Second), map[string]any{"iss": a.Issuer, "tid": "acme"})))
	for name, want := range map[string]int64{a.Issuer: 7, b.Issuer: 7, "https://login.example.org/acme/v2.0": 0, "": 0} {
		if got := some.Lead(name); got != want || v.Lead(name) != 0 {
			t.Errorf("%q: the lead is %d, or without such a token %d, want %d and 0", name, got, v.Lead(name), want)
		}
	}
	mustRefuse(t, some, mint("https://login.example.com/evil/v2.0", "evil"), token.ErrInvalid)
	for name, raw := range map[string]string{
		"another tenant's name": mint("https://login.example.com/acme/v2.0", "evil"),
		"no tenant":             mint("https://login.example.com/acme/v2.0", nil),
		"nothing for the star":  mint("https://login.example.com//v2.0", ""),
		"two segments":          mint("https://login.example.com/a/b/v2.0", "a/b"),
		"the star itself":       mint(tenants, "*"),
		"a longer name":         mint("https://login.example.com/acme/v2.0/x", "acme"),
		"another host":          mint("https://login.example.org/acme/v2.0", "acme"),
		"prefix meets suffix":   mint("https://login.example.com/v2.0", "v2.0"),
		"two claims":            tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"iss": "https://login.example.com/a/v2.0", "tid": "a", "TID": "b"})),
	} {
		if verified, err := v.Verify(raw, now); !errors.Is(err, token.ErrInvalid) {
			t.Errorf("%s: %v, error %v", name, verified, err)
		}
	}
	logout := logoutClaims(map[string]any{"iss": "https://login.example.com/acme/v2.0", "tid": "acme"})
	if l, err := v.VerifyLogout(tokentest.Mint(t, key, logout), now); err != nil || l.Issuer != a.Issuer {
		t.Errorf("a logout token of the tenant: %+v, %v", l, err)
	}
}

func TestANameStandsForItsTenants(t *testing.T) {
	for _, test := range []struct {
		configured, iss string
		want            bool
	}{
		{"https://a", "https://a", true},
		{"https://a", "https://a/", false},
		{"https://a/*/v2", "https://a/b/v2", true},
		{"https://a/*/v2", "https://a/b/c/v2", false},
		{"https://a/*/v2", "https://a/*/v2", false},
		{"https://a/*/v2", "https://a//v2", false},
		{"https://*.a", "https://b.a", true},
	} {
		if got := token.IsIssuerOf(test.configured, test.iss); got != test.want {
			t.Errorf("%q is the issuer of %q: %t", test.configured, test.iss, got)
		}
	}
}
