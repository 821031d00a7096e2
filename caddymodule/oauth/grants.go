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

// Continued is the token whose session goes on with what the request is granted: the
// refresh token, under whatever name an endpoint has the grant, of a token exchange the
// subject token (RFC 8693 §2.1), and of an assertion grant the JWT (RFC 7523 §2.1), which
// Entra ID takes to act on behalf of a user. Of any other grant it is "".
//
// Attack: refresh with &subject_token=<an old ID token of alice>, which the endpoint
// ignores (RFC 6749 §3.2). One's own tokens would belong to her session, too, and
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

// Contradicts reports whether the request presents a refresh token beside a grant
// that takes none. Nobody can tell which of the two is granted.
//
// Attack: a stolen refresh token, with the grant type and the subject token of an
// exchange beside it, to an endpoint that looks at the refresh token only. What it
// hands out would belong to the session of the subject token, and outlive the other.
func (p *Parameters) Contradicts() bool {
	return p.Refresh() != "" && slices.Contains(withoutRefresh, foldName(p.values[grantType]))
}
