package oauth

import "slices"

// exchange is the grant type of a token exchange (RFC 8693 §2.1), as foldName
// writes it.
const exchange = "urnietfparamsoauthgranttypetokenexchange"

// jwtBearer is the grant type of an assertion that is a JWT (RFC 7523 §2.1).
const jwtBearer = "urnietfparamsoauthgranttypejwtbearer"

// withoutRefresh lists the grant types that use no refresh token.
var withoutRefresh = []string{
	"authorizationcode", "password", "clientcredentials", // RFC 6749 §4
	exchange,
	jwtBearer, "urnietfparamsoauthgranttypesaml2bearer", // RFC 7523, RFC 7522
	"urnietfparamsoauthgranttypedevicecode", "urnopenidparamsgranttypeciba", // RFC 8628, CIBA
}

// Continued returns the token whose session the new tokens continue:
//
//   - for a refresh, the refresh token, whatever name the endpoint has for the grant,
//   - for a token exchange, the subject token (RFC 8693 §2.1),
//   - for an assertion grant, the JWT (RFC 7523 §2.1), with which Entra ID acts on behalf
//     of a user,
//   - for any other grant, "".
//
// Attack: refresh with &subject_token=<an old ID token of alice>, which the endpoint
// ignores (RFC 6749 §3.2). The attacker's own tokens would belong to her session, too, and
// end it.
func (p *Parameters) Continued() string {
	if token := p.Refresh(); token != "" {
		return token
	}
	switch foldName(p.values[grantType]) {
	case exchange:
		return p.values[subjectToken]
	case jwtBearer:
		return p.values[assertion]
	}
	return ""
}

// Contradicts reports whether the request presents a refresh token beside a grant type that
// uses none. Then it is ambiguous which of the two the endpoint grants.
//
// Attack: send a stolen refresh token to an endpoint that looks only at the refresh token.
// Add the grant type and the subject token of an exchange. The tokens in the response would
// belong to the session of the subject token, and survive the end of the other session.
func (p *Parameters) Contradicts() bool {
	return p.Refresh() != "" && slices.Contains(withoutRefresh, foldName(p.values[grantType]))
}
