package token

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"

	"github.com/sessiongate/sessiongate/store"
)

// verify verifies a token that the cache does not know.
//
// Invariant 1 (DESIGN): verify first. Of the payload only `iss` is used before
// the signature has been verified, and only to choose the keys.
//
// Invariant 12 (DESIGN): what a forged token costs is bounded. That no name has a
// twin is therefore looked into after the signature: with hundreds of members it
// costs more than an admitted request does. Nothing is accepted before it.
//
// It tells the explanation, which may be nil, how far it came. Expired tokens are
// returned beside the error.
func (v *Verifier) verify(raw string, now int64, e *Explanation) (*Verified, error) {
	e.take(StepForm)
	j, err := parseJWS(raw, accessTokenTypes)
	if err != nil {
		return nil, err
	}
	e.take(StepAlgorithm)
	e.header(j.header)
	// Also of an issuer that is not trusted, and before the payload is read, which
	// may be large.
	if !v.allows(j.header.algorithm) {
		return nil, errAlgorithm
	}
	e.take(StepIssuer)
	payload, err := j.decodePayload()
	if err != nil {
		return nil, err
	}
	claims, err := parseObject("payload", payload)
	if err != nil {
		return nil, err
	}
	name, _, err := textOf("iss", claims.First("iss")[0])
	if err != nil {
		return nil, err
	}
	e.issuer(name)
	i, trusted := v.issuers[name]
	if !trusted {
		return nil, refuse("iss is not trusted")
	}
	// Read before the keys are: should they change in between, the token is
	// stale at once instead of never.
	epoch := i.Keys.epoch()
	e.take(StepSignature)
	if err := i.signatures.verify(j); err != nil {
		return nil, err
	}
	e.take(StepClaims)
	m, err := membersOf("payload", claims)
	if err != nil {
		return nil, err
	}
	if err := checkKind(m); err != nil {
		return nil, err
	}
	e.take(StepAudience)
	if err := i.checkAudience(m); err != nil {
		return nil, err
	}
	t := &Verified{Issuer: i.Issuer, raw: own(raw), keys: i.Keys, epoch: epoch}
	e.take(StepLifetime)
	if err := v.setTime(t, m); err != nil {
		return nil, err
	}
	e.take(StepIdentity)
	if err := v.setIdentity(t, i, m, j); err != nil {
		return nil, err
	}
	e.take(StepTime)
	t.claims, t.scopes = claimTexts(m), claimScopes(m)
	return t, t.checkTime(now)
}

// allows reports whether some issuer may use an algorithm. Which one may is
// Signatures.verify's to say.
func (v *Verifier) allows(algorithm string) bool {
	for _, i := range v.issuers {
		if i.signatures.allows(algorithm) != nil {
			return true
		}
	}
	return false
}

// setTime reads the dates of a token.
func (v *Verifier) setTime(t *Verified, m members) (err error) {
	if t.ExpiresAt, err = m.requiredDate("exp"); err != nil {
		return err
	}
	if t.IssuedAt, err = m.requiredDate("iat"); err != nil {
		return err
	}
	notBefore, _, err := m.date("nbf", math.Ceil)
	if err != nil {
		return err
	}
	// Invariant 4 (DESIGN): exp - iat is bounded, else a token could outlive
	// its revocation.
	if t.ExpiresAt-t.IssuedAt > v.lifetime {
		return refuse("exp - iat is over the longest lifetime allowed")
	}
	// A token from the future would slip past every not-before instant.
	t.validFrom = max(notBefore, t.IssuedAt) - v.leeway
	// Invariant 5 (DESIGN): iat counts in whole seconds, rounded down.
	t.Keys.IssuedAt, t.Keys.Expires = t.IssuedAt, t.ExpiresAt+v.leeway
	return nil
}

// setIdentity reads the ids of a token and makes its revocation keys.
func (v *Verifier) setIdentity(t *Verified, i *issuer, m members, j jws) (err error) {
	if t.Subject, err = m.id("sub"); err != nil {
		return err
	}
	if t.SessionID, err = m.id(i.SessionClaim); err != nil {
		return err
	}
	if t.TokenID, err = m.id(i.TokenIDClaim); err != nil {
		return err
	}
	tokenName := t.TokenID
	if tokenName == "" {
		// The signing input, not the token: ES256 signatures come in twins
		// (r, s) and (r, n-s), and both are one token.
		sum := sha256.Sum256([]byte(j.signed))
		tokenName = hex.EncodeToString(sum[:])
		if t.SessionID == "" {
			t.TokenID = tokenName
		}
	}
	t.Keys.Token = store.NewKey(v.namespace, store.KindToken, t.Issuer, tokenName)
	t.Keys.Issuer = store.NewKey(v.namespace, store.KindIssuer, t.Issuer, "")
	if t.SessionID != "" {
		t.Keys.Session = store.NewKey(v.namespace, store.KindSession, t.Issuer, t.SessionID)
	}
	if t.Subject != "" {
		t.Keys.Subject = store.NewKey(v.namespace, store.KindSubject, t.Issuer, t.Subject)
	}
	return nil
}

var (
	errExpired = fmt.Errorf("verifying token: its time is over: %w", ErrExpired)
	errNotYet  = fmt.Errorf("verifying token: its time has not come: %w", ErrInvalid)
)
