package token_test

import (
	"testing"

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
	wantError(t, err, "aud is missing: invalid token")
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
