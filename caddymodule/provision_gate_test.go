package caddymodule

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

func TestGateRefuses(t *testing.T) {
	const path, public, origin = "must be a path such as /v1/auth/session: it begins with a slash",
		"must be a clean path such as /healthz, or a prefix such as /assets/*", "must be an origin such as https://app.example.com"
	refusals := map[string]refusal{
		"an unknown word":                   {gate: `"blockade": true`, want: `unknown field "blockade"`},
		"neither header nor cookie":         {gate: `"token": {}`, want: "token names neither a header nor a cookie; use token header Authorization"},
		"a header that is none":             {gate: `"token": {"header": "X Token"}`, want: `token header "X Token" is not a field name`},
		"a cookie that is none":             {gate: `"token": {"cookie": "a;b"}`, want: `token cookie "a;b" is not the name of a cookie`},
		"a parameter that is none":          {gate: `"token": {"query": "access token"}`, want: `token query "access token" has characters that have to be encoded`},
		"a subprotocol that is none":        {gate: `"token": {"websocket_protocol": "a b"}`, want: `token websocket_protocol "a b" is not the name of a subprotocol`},
		"a subprotocol with a dot":          {gate: `"token": {"websocket_protocol": "bearer."}`, want: "use a name such as bearer, without a dot at its end"},
		"one name for two places":           {gate: `"token": {"query": "a", "websocket_protocol": "a"}`, want: `token query and token websocket_protocol are both "a"; use two names`},
		"other errors":                      {gate: `"errors": "html"`, want: `errors "html" is unknown; use one of: json, caddy`},
		"other streams":                     {gate: `"streams": "never"`, want: `streams "never" is unknown; use one of: session, expiry`},
		"a missing scope":                   {gate: `"admin_scope": "{env.SESSION_GATE_NOT_SET}"`, want: "{env.SESSION_GATE_NOT_SET} is missing"},
		"a missing claim":                   {gate: `"claims": ["{env.SESSION_GATE_NOT_SET}"]`, want: "resolving claims: {env.SESSION_GATE_NOT_SET} is missing"},
		"a token endpoint":                  {gate: `"token_endpoint": ["oauth/token"]`, want: `token_endpoint "oauth/token" ` + path},
		"a token endpoint with two slashes": {gate: `"token_endpoint": ["/a//"]`, want: `it begins with a slash and ends with one at most`},
		"a token endpoint of unknown words": {gate: `"token_endpoint": [{"path": "/a", "id_token": ["x"]}]`, want: `unknown field "id_token"`},
		"a token endpoint without a path":   {gate: `"token_endpoint": [{"access_token": ["x"]}]`, want: `token_endpoint "" ` + path},
		"a member of another meaning": {
			gate: `"token_endpoint": [{"path": "/a", "access_token": ["refreshToken"]}]`,
			want: `token_endpoint "/a": access_token "refreshToken" is the name of another member: refresh_token`,
		},
		"a missing member": {
			gate: `"token_endpoint": [{"path": "/a", "refresh_token": ["{env.SESSION_GATE_NOT_SET}"]}]`, want: "resolving refresh_token: {env.SESSION_GATE_NOT_SET} is missing",
		},
		"a path for logout tokens": {gate: `"backchannel_logout": "//a"`, want: `backchannel_logout "//a" ` + path},
		"a list of sessions":       {gate: `"sessions_endpoint": "/a/"`, want: `sessions_endpoint "/a/" ` + path},
	}
	for _, word := range []string{"login_url", "revoked_url"} {
		refusals[word+" that is a path"] = refusal{gate: member(word, "/login"), want: word + ` "/login" is not an http or https URL`}
		refusals[word+" with the request as its host"] = refusal{gate: member(word, "https://a.example{uri}"), want: "has {uri} outside its query"}
		refusals[word+" that is missing"] = refusal{gate: member(word, "{env.SESSION_GATE_NOT_SET}?next={uri}"), want: "resolving " + word + ": {env.SESSION_GATE_NOT_SET} is missing"}
		refusals[word+" with another placeholder"] = refusal{gate: member(word, "https://a.example/?a={http.request.host}"), want: "a placeholder in it is unknown"}
	}
	for _, endpoint := range []string{"/", "logout", "/a/", "//a", "/a//b", "/a/../b", "/a/./b", "/a%2fb", "/a b", "/a;b", "/a/*", "/a?b", "/é"} {
		refusals["endpoint "+endpoint] = refusal{gate: member("endpoint", endpoint), want: path}
	}
	for _, pattern := range []string{"", "*", "healthz", "/a*", "/a/*b", "/*/a", "/a//b", "/a/../b", "/./a", "/a%20b", "/a;b", `/a\b`, "/a?b", "/a/**"} {
		refusals["public "+pattern] = refusal{gate: member("public", []string{pattern}), want: public}
	}
	for _, name := range []string{
		"", "*", "null", "app.example.com", "https://", "https://app.example.com/", "https://app.example.com/a", "https://App.example.com",
		"HTTPS://app.example.com", "https://*.example.com", "https://app.example.com:443", "http://app.example.com:80",
		"https://app.example.com:", "https://me@app.example.com", "https://app.example.com?a", "ftp://app.example.com", "https://é.example",
		"https://:8443",
	} {
		refusals["cors "+name] = refusal{gate: member("cors", []string{name}), want: origin}
	}
	// Attack: a claim with that name replaces the subject, or the session, in the
	// placeholder that the access log and the upstream read.
	for _, claim := range []string{"id", "session_id", "token_id", "issuer"} {
		refusals["claim "+claim] = refusal{gate: member("claims", []string{claim}), want: "which {http.auth.user." + claim + "} already means"}
	}
	testRefusals(t, refusals)
}

func member(name string, value any) string {
	text, err := json.Marshal(map[string]any{name: value})
	if err != nil {
		panic(err) // strings
	}
	return strings.Trim(string(text), "{}")
}

func TestIdentityRefuses(t *testing.T) {
	refusals := map[string]refusal{
		// Attack: a claim that users set themselves arrives in the header of another claim.
		"one header for two claims":     {gate: `"identity": {"preset": "pomerium"}, "claims": ["org.role", "org_role"]`, want: `would send the claims "org.role" and "org_role" in one header X-Pomerium-Claim-Org-Role`},
		"a preset's header for another": {gate: `"identity": {"preset": "pomerium"}, "claims": ["Email"]`, want: `would send the claims "email" and "Email" in one header`},
		"an unknown preset":             {gate: `"identity": {"preset": "keycloak"}`, want: `identity "keycloak" is unknown; use one of: oauth2_proxy, authelia, pomerium`},
		"a missing preset":              {gate: `"identity": {"preset": "{env.SESSION_GATE_NOT_SET}"}`, want: "{env.SESSION_GATE_NOT_SET} is missing"},
		"nothing":                       {gate: `"identity": {}`, want: "identity names no header; use a preset or name headers and claims"},
		"a header that the preset has not": {
			gate: `"identity": {"preset": "authelia", "headers": {"X-A": "sub"}}`,
			want: `identity authelia has no header "X-A"; it has Remote-User, Remote-Groups, Remote-Name, Remote-Email. For other headers use a block`,
		},
		"no claim for a header of the preset": {
			gate: `"identity": {"preset": "authelia", "headers": {"Remote-User": ""}}`, want: `identity header "Remote-User" has no claim`,
		},
		"no claim":        {gate: `"identity": {"headers": {"X-A": ""}}`, want: `identity header "X-A" has no claim`},
		"no field name":   {gate: `"identity": {"headers": {"X A": "sub"}}`, want: `identity header "X A" is not a field name`},
		"an empty name":   {gate: `"identity": {"headers": {"": "sub"}}`, want: "is not a field name"},
		"a missing claim": {gate: `"identity": {"headers": {"X-A": "{env.SESSION_GATE_NOT_SET}"}}`, want: "{env.SESSION_GATE_NOT_SET} is missing"},
		// Attack: X-User and X_User reach CGI as the same variable HTTP_X_USER, and it is
		// undefined which field wins.
		"duplicates": {gate: `"identity": {"headers": {"X-User": "sub", "x_user": "email"}}`, want: "are one to many upstreams"},
		// The credential would be stripped as a client's identity header.
		"the token's header": {
			gate: `"token": {"header": "X-Token"}, "identity": {"headers": {"x_token": "sub"}}`, want: `identity owns "X-Token", where token looks`,
		},
		"the token's header by prefix": {
			gate: `"token": {"header": "X-Pomerium-Claim-Token"}, "identity": {"preset": "pomerium"}`, want: "where token looks for the credential",
		},
	}
	// Attack: a claim chooses the path that the upstream serves.
	for _, name := range []string{"X-Original-URL", "x_forwarded_uri", "X-Script-Name", "Script_Name", "X-Vhm-Root"} {
		refusals["a path in "+name] = refusal{
			gate: `"identity": {"headers": {"` + name + `": "sub"}}`, want: "from which some servers take the path; use another header",
		}
	}
	for _, name := range []string{"Host", "host", "Content_Length", "Transfer-Encoding", "Connection", "Cookie", "Authorization", "Upgrade"} {
		refusals["reserved "+name] = refusal{
			gate: `"identity": {"headers": {"` + name + `": "sub"}}`, want: "is one that HTTP itself needs; choose another",
		}
	}
	testRefusals(t, refusals)
}

// A gate without the app must not admit everybody.
func TestGateWithoutAnAppIsRefused(t *testing.T) {
	for _, handler := range []string{"session_gate", "session_gate_health"} {
		err := validateApps(t, caddy.ModuleMap{"http": json.RawMessage(`{"servers": {"test": {"listen": ["127.0.0.1:0"], ` +
			`"automatic_https": {"disable": true}, "routes": [{"handle": [{"handler": "` + handler + `"}]}]}}}`)})
		if err == nil || !strings.Contains(err.Error(), "finding the app session_gate") || !strings.Contains(err.Error(), "no issuer; name at least one") {
			t.Errorf("%s: error %v", handler, err)
		}
	}
}
