package token

import "math"

// VerifySignatureOnly returns the ids and dates of a token that one of the issuers has
// signed. The token may be of any type and audience, such as a refresh token or an ID
// token. It may have expired, and may live longer than an access token may. Use it to learn
// the session of a token that is passed on. It must admit nobody.
//
// Errors wrap ErrMalformed, ErrInvalid or ErrUnavailable, as in Verify. An error that also
// wraps ErrUnknownKey means that the key may be new.
//
// ExpiresAt and IssuedAt are 0 if the token does not have them. If the issuer's tokens need no
// `iat`, `nbf` counts for a missing one, but `exp` does not: a refresh token lives longer than
// the access tokens whose lifetime is configured.
func (v *Verifier) VerifySignatureOnly(raw string) (*Verified, error) {
	j, err := parseAnyJWS(raw)
	if err != nil {
		return nil, err
	}
	s, err := v.verifySignature(j, nil)
	if err != nil {
		return nil, err
	}
	t := &Verified{Issuer: s.name}
	if err := v.setDates(t, s.issuer, s.members); err != nil {
		return nil, err
	}
	return t, v.setIdentity(t, s.issuer, s.members, j)
}

// setDates reads the dates of a token. They may be missing.
func (v *Verifier) setDates(t *Verified, i *issuer, m members) (err error) {
	if t.ExpiresAt, _, err = m.date("exp", math.Floor); err != nil {
		return err
	}
	if t.IssuedAt, _, err = i.statedIssuedAt(m); err != nil {
		return err
	}
	t.Keys.IssuedAt, t.Keys.Expires = t.IssuedAt, t.ExpiresAt+v.leeway
	return nil
}
