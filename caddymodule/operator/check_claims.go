package operator

import (
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// claims returns what a token claims. t is the token if it is valid, but perhaps for its time.
// A token that breaks another rule still names its user and its session, so that the person who
// looks for them finds them.
//
// Attack: send an operator a forged token with the session of a victim, to have it revoked. The
// claims of such a token are returned apart, as unverified.
func (g gate) claims(raw string, t *token.Verified) (*Claims, *UnverifiedClaims) {
	if t != nil {
		return claimsOf(t), nil
	}
	if signed, err := g.Verifier().VerifySignatureOnly(raw); err == nil {
		return claimsOf(signed), nil
	}
	u, ok := g.Verifier().ReadUnverified(raw)
	if !ok {
		return nil, nil
	}
	return nil, &UnverifiedClaims{u.Issuer, u.Subject, u.SessionID, u.TokenID, known(u.IssuedAt), known(u.ExpiresAt)}
}

// known returns a time in Unix seconds, or the zero time if it is not known.
func known(seconds int64) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return unix(seconds)
}

// claimsOf returns the claims of a token with a valid signature.
func claimsOf(t *token.Verified) *Claims {
	c := &Claims{
		Issuer: t.Issuer, Subject: t.Subject, SessionID: t.Session, TokenID: t.TokenID,
		IssuedAt: known(t.IssuedAt), ExpiresAt: known(t.ExpiresAt), TokenKey: t.Keys.Token.String(),
	}
	if first := t.Keys.First(); !first.IsZero() {
		c.SessionKey = first.String()
	}
	if !t.Keys.Subject.IsZero() {
		c.SubjectKey = t.Keys.Subject.String()
	}
	return c
}
