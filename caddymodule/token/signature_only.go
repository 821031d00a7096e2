package token

import "math"

// Issued returns what a token says that one of the issuers has signed, whatever
// it is for: a refresh token or an ID token, of any type and audience, that has
// expired or lives for long. It is for tokens that pass by, of which is asked
// whose they are; it admits nobody. Errors wrap ErrMalformed or ErrInvalid for
// what is no such token, in the latter case ErrUnknownKey too where a key may only
// be new, and ErrUnavailable where the keys are not there that would tell.
//
// ExpiresAt and IssuedAt are 0 where the token does not say.
func (v *Verifier) Issued(raw string) (*Verified, error) {
	j, err := parseAnyJWS(raw)
	if err != nil {
		return nil, err
	}
	s, err := v.genuine(j, nil)
	if err != nil {
		return nil, err
	}
	t := &Verified{Issuer: s.issuer.Issuer}
	if err := v.setDates(t, s.members); err != nil {
		return nil, err
	}
	return t, v.setIdentity(t, s.issuer, s.members, j)
}

// setDates reads the dates of a token that need not be there.
func (v *Verifier) setDates(t *Verified, m members) (err error) {
	if t.ExpiresAt, _, err = m.date("exp", math.Floor); err != nil {
		return err
	}
	if t.IssuedAt, _, err = m.date("iat", math.Floor); err != nil {
		return err
	}
	t.Keys.IssuedAt, t.Keys.Expires = t.IssuedAt, t.ExpiresAt+v.leeway
	return nil
}
