package oauth

import "slices"

// exchange is the grant type of a token exchange (RFC 8693 §2.1), as foldName
// writes it.
const exchange = "urnietfparamsoauthgranttypetokenexchange"

// jwtBearer is the grant type of an assertion that is a JWT (RFC 7523 §2.1).
const jwtBearer = "urnietfparamsoauthgranttypejwtbearer"

// withoutRefresh are the grant types that take no refresh token.
var withoutRefresh = []string{
	"authorizationcode", "password", "clientcredentials", // RFC 6749 §4
	exchange,
	jwtBearer, "urnietfparamsoauthgranttypesaml2bearer", // RFC 7523, RFC 7522
	"urnietfparamsoauthgranttypedevicecode", "urnopenidparamsgranttypeciba", // RFC 8628, CIBA
}

// Continued returns the token whose session goes on in the tokens that the request is
// granted. That is the refresh token, whatever name the endpoint has for the grant. For
// a token exchange it is the subject token (RFC 8693 §2.1). For an assertion grant it
// is the JWT (RFC 7523 §2.1), with which Entra ID acts on behalf of a user. For any
// other grant it is "".
//
// Attack: refresh with &subject_token=<an old ID token of alice>, which the endpoint
// ignores (RFC 6749 §3.2). The attacker's own tokens would belong to her session, too,
// and end it.
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

// Contradicts reports whether the request presents a refresh token beside a grant that
// takes none. Then it is ambiguous which of the two is granted.
//
// Attack: send a stolen refresh token, with the grant type and the subject token of an
// exchange beside it, to an endpoint that looks only at the refresh token. The tokens
// in its response would belong to the session of the subject token, and outlive the
// other.
func (p *Parameters) Contradicts() bool {
	return p.Refresh() != "" && slices.Contains(withoutRefresh, foldName(p.values[grantType]))
}
