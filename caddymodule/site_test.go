package caddymodule

import (
	"net/http"
	"testing"
)

// Attack: a token of the issuer that is for another application, or without the scope of this
// one, reads here, or ends a session here.
func TestASiteNarrowsWhichTokensItAccepts(t *testing.T) {
	g := newGate(t, "HS256", Gate{
		Audience: []string{"app-a"}, Require: []*Requirement{{Claim: "scope", Values: []string{"read", "write"}}},
		SessionsEndpoint: "/v1/auth/sessions",
	})
	both := []string{"legacy-app", "app-a"}
	good := g.mint(t, map[string]any{"aud": both, "scope": "openid read"})
	for name, changes := range map[string]map[string]any{
		"the issuer's audience alone": {"scope": "read"},
		"the site's audience alone":   {"aud": "app-a", "scope": "read"},
		"no scope":                    {"aud": both},
		"another scope":               {"aud": both, "scope": "openid readonly"},
	} {
		raw := g.mint(t, changes)
		for _, path := range []string{"/", "/v1/auth/sessions"} {
			a := g.get(t, path, raw)
			if a.want(t, http.StatusUnauthorized, "unauthorized"); a.Code != http.StatusUnauthorized {
				t.Errorf("%s at %s", name, path)
			}
			a.wantReason(t, "invalid")
		}
		g.end(t, raw, "").want(t, http.StatusUnauthorized, "unauthorized")
	}
	g.get(t, "/", good).want(t, http.StatusOK, "")
	g.end(t, good, "").want(t, http.StatusOK, invalidated)
	g.get(t, "/", good).want(t, http.StatusUnauthorized, "unauthorized")
}

func TestSitesRefuseRulesThatNobodyMeets(t *testing.T) {
	testRefusals(t, map[string]refusal{
		"require without values":   {gate: `"require": [{"claim": "scope"}]`, want: "checking require: it names no claim or no value"},
		"require of null":          {gate: `"require": [null]`, want: "it names no claim or no value"},
		"an empty audience":        {gate: `"audience": [""]`, want: "an empty audience"},
		"a value that is not set":  {gate: `"require": [{"claim": "a", "values": ["{env.SESSION_GATE_NOT_SET}"]}]`, want: "{env.SESSION_GATE_NOT_SET} is missing"},
		"an audience that is none": {gate: `"audience": ["{env.SESSION_GATE_NOT_SET}"]`, want: "{env.SESSION_GATE_NOT_SET} is missing"},
	})
}
