package token_test

import (
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Attack (RFC 8725 §3.11): a token of another kind, signed by the same issuer with the same
// key. Its type only looks like that of an access token.
func TestOtherTypesAreNoAccessTokens(t *testing.T) {
	v, key := hmacVerifier(t)
	claims := tokentest.Claims(now, nil)
	for _, typ := range []string{
		"logout+jwt", "dpop+jwt", "secevent+jwt", "token-introspection+jwt", "oauth-authz-req+jwt", "client-authentication+jwt",
		"entity-statement+jwt", "id_token", "ID", "id+jwt", "JWS", "JOSE", "JOSE+JSON", "JWE", "rt+jwt", "kb+jwt", "dc+sd-jwt",
		"jwt+at", "at-jwt", "at jwt", "at+jwt ", " at+jwt", "at+jwt\t", "at+jwt\x00", "at+jwt;charset=utf-8", "at+jwt,JWT", "at+jwt+jwt",
		"xat+jwt", "at+jwtx", "+jwt", "at+", "at+jw", "\uff41t+jwt", "\u0430t+jwt", "application", "application/", "application/ at+jwt",
		"application/at+jwt/", "application//at+jwt", "application/application/at+jwt", "application\\at+jwt", "text/at+jwt",
		"xapplication/at+jwt", "application/logout+jwt", "application/dpop+jwt", "APPLICATION/SECEVENT+JWT",
	} {
		t.Run(typ, func(t *testing.T) {
			mustRefuse(t, v, tokentest.Mint(t, key, claims, map[string]any{"typ": typ}), token.ErrInvalid)
		})
	}
}

// Attack (RFC 8725 §3.12): tokens of other kinds that declare none in the header. A claim,
// the audience, or the issuer distinguishes them.
func TestOtherKindsOfTokensAreRefusedByTheirClaims(t *testing.T) {
	v, key := hmacVerifier(t)
	logout := `"events":{"http://schemas.openid.net/event/backchannel-logout":{}}`
	for name, payload := range map[string]string{
		"logout token":                     with(t, logout),
		"logout token without a subject":   with(t, logout, "sub"),
		"logout token without a session":   with(t, logout, "sid"),
		"security event token of CAEP":     with(t, `"events":{"https://schemas.openid.net/secevent/caep/event-type/session-revoked":{}}`),
		"one with another event first":     with(t, `"events":{"a":1,"https://schemas.openid.net/secevent/risc/event-type/account-disabled":{}}`),
		"events, escaped":                  with(t, `"\u0065vents":{"http:\/\/schemas.openid.net/event/backchannel-logout":1}`),
		"logout token for several clients": with(t, logout+`,"aud":["web","legacy-app"]`, "aud"),
		"ID token: it is for the client":   with(t, `"aud":"web","azp":"web","nonce":"n-0S6_WzA2Mj","at_hash":"MTIzNDU2Nzg5MDEyMzQ1Ng"`, "aud"),
		"ID token for two clients":         with(t, `"aud":["web","mobile"],"azp":"web"`, "aud"),
		"client assertion":                 with(t, `"aud":"https://id.example.com/token"`, "aud"),
	} {
		t.Run(name, func(t *testing.T) {
			mustRefuse(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, payload), token.ErrInvalid)
			mustRefuse(t, v, tokentest.Seal(t, key, `{"alg":"HS256","typ":"JWT"}`, payload), token.ErrInvalid)
		})
	}
}

// Claims that other kinds of tokens have, too, prove nothing by themselves. Access tokens
// of widespread issuers hold a nonce, and an application may call a claim events.
func TestAccessTokensMayHoldClaimsOfOtherKinds(t *testing.T) {
	v, key := hmacVerifier(t)
	for _, members := range []string{
		`"nonce":"n-0S6_WzA2Mj","azp":"web","auth_time":1800000000`, `"htm":"GET","htu":"https://app.example.com/"`,
		`"events":["2026-01"]`, `"events":"none"`, `"events": {}`, `"events":{"signup":{"at":1}}`, `"events":null`, `"cnf":{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}`,
	} {
		mustVerify(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, members)))
	}
	mustVerify(t, v, tokentest.Seal(t, key, `{"alg":"HS256"}`, with(t, `"aud":["web","legacy-app"],"azp":"web"`, "aud")))
}

// Attack (RFC 9449 §4.2): a DPoP proof, which carries its own key, is sent as the token,
// with every accepted type.
func TestDPoPProofIsNoAccessToken(t *testing.T) {
	issuer, client := tokentest.NewKey(t, "ES256", ""), tokentest.NewKey(t, "ES256", "")
	v := verifierFor(t, sourceFor(t, issuer))
	claims := tokentest.Claims(now, map[string]any{"htm": "GET", "htu": "https://app.example.com/", "ath": strings.Repeat("a", 43)})
	for _, typ := range []any{"dpop+jwt", "JWT", "at+jwt", nil} {
		proof := tokentest.Mint(t, client, claims, map[string]any{"typ": typ, "jwk": client.JWK(t)})
		mustRefuse(t, v, proof, token.ErrInvalid)
	}
}
