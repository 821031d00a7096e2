package caddymodule

import (
	"reflect"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// A word of the configuration that does not reach the verifier silently disables what the
// operator meant.
func TestTheVerifierGetsTheRulesOfAnIssuer(t *testing.T) {
	required := []token.Requirement{{Claim: "token_use", Values: []string{"access"}}}
	for words, want := range map[string]token.IssuerOptions{
		``:                                {Require: []token.Requirement{}},
		`"session_claim": "one"`:          {SessionClaims: []string{"one"}, Require: []token.Requirement{}},
		`"session_claim": ["one", "two"]`: {SessionClaims: []string{"one", "two"}, Require: []token.Requirement{}},
		`"without_session": "token"`:      {WithoutSession: token.EndToken, Require: []token.Requirement{}},
		`"without_session": "refuse"`:     {WithoutSession: token.RefuseToken, Require: []token.Requirement{}},
		`"login_claim": "none"`:           {NoLogin: true, Require: []token.Requirement{}},
		`"reauthentication": "admit"`:     {AdmitReauthentication: true, Require: []token.Requirement{}},
		`"accept_missing_iss": true`:      {AcceptMissingIssuer: true, Require: []token.Requirement{}},
		`"accept_missing_iat": "1h"`:      {AcceptMissingIssuedAt: time.Hour, Require: []token.Requirement{}},
		`"subject_claim": ["a"]`:          {SubjectClaims: []string{"a"}, Require: []token.Requirement{}},
		`"audience_claim": ["a"]`:         {AudienceClaims: []string{"a"}, Require: []token.Requirement{}},
		`"scope_claim": ["a"]`:            {ScopeClaims: []string{"a"}, Require: []token.Requirement{}},
		`"token_id_claim": "a"`:           {TokenIDClaim: "a", Require: []token.Requirement{}},
		`"wildcard": {"claim": "t", "values": ["v"]}, "issuer": "https://a/*"`: {
			WildcardClaim: "t", WildcardValues: []string{"v"}, Require: []token.Requirement{},
		},
		`"require": [{"claim": "token_use", "values": ["access"]}]`: {Require: required},
	} {
		app, err := provisioned(t, refusal{issuer: words})
		if err != nil {
			t.Errorf("%s: %v", words, err)
			continue
		}
		var got token.IssuerOptions
		app.Issuer[0].setClaims(&got)
		if len(got.SessionClaims) == 0 {
			got.SessionClaims = nil
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the verifier gets %+v, want %+v", words, got, want)
		}
		if err := app.Cleanup(); err != nil {
			t.Error(err)
		}
	}
}
