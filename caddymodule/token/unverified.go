package token

import "math"

// Unverified are ids and dates that a token claims, and that nobody has verified: anybody may
// have written them. They are for people who look for the reason of a refusal. Trust none of
// them, and revoke nothing by them.
type Unverified struct {
	// Issuer is `iss`. The ids are of 1 to 1024 bytes. All are "" if the token does not have
	// them, or not as a valid text.
	Issuer, Subject, SessionID, TokenID string
	// IssuedAt and ExpiresAt are `iat` and `exp` in Unix seconds, 0 if there is none.
	IssuedAt, ExpiresAt int64
}

// ReadUnverified returns the claims of a token without verifying anything. ok reports whether
// they can be read.
func (v *Verifier) ReadUnverified(raw string) (u Unverified, ok bool) {
	j, err := parseAnyJWS(raw)
	if err != nil {
		return u, false
	}
	payload, err := j.decodePayload()
	if err != nil {
		return u, false
	}
	object, err := parseObject("payload", payload)
	if err != nil {
		return u, false
	}
	m, err := membersOf("payload", object)
	if err != nil {
		return u, false
	}
	iss, _ := m.id("iss") // as long as an id, because it is shown
	rules := &IssuerOptions{}
	if trusted, _, err := v.trust(iss); err == nil {
		rules = &trusted.IssuerOptions
	} else {
		rules.setDefaults()
	}
	u.Issuer = iss
	u.Subject, _ = m.id(rules.SubjectClaims...)
	u.SessionID, _ = m.id(rules.SessionClaims...)
	u.TokenID, _ = m.id(rules.TokenIDClaim)
	u.IssuedAt, _, _ = m.date("iat", math.Floor)
	u.ExpiresAt, _, _ = m.date("exp", math.Floor)
	return u, true
}
