package token

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// verify verifies a token that is not in the cache. The explanation, which may be nil,
// records the steps. An expired token is returned with its error.
func (v *Verifier) verify(raw string, now int64, e *Explanation) (*Verified, error) {
	e.take(StepForm)
	j, err := v.parse(raw, accessTokenTypes)
	if err != nil {
		return nil, err
	}
	s, err := v.verifySignature(j, e)
	if err != nil {
		return nil, err
	}
	t, err := v.verifyClaims(raw, j, s, now, e)
	if err != nil {
		return t, s.refused(err, s.issuer.SubjectClaims...)
	}
	return t, nil
}

// verifyClaims is verify for the claims of a token with a valid signature.
func (v *Verifier) verifyClaims(raw string, j jws, s signedClaims, now int64, e *Explanation) (*Verified, error) {
	if err := checkKind(s.members); err != nil {
		return nil, err
	}
	e.take(StepAudience)
	e.audience(s)
	if err := s.issuer.checkAudience(s.members); err != nil {
		return nil, err
	}
	if len(s.issuer.Require) > 0 {
		e.take(StepRequire)
		if err := s.issuer.checkRequirements(s.members); err != nil {
			return nil, err
		}
	}
	t := &Verified{Issuer: s.name, raw: strings.Clone(raw), source: s.issuer.Keys, epoch: s.epoch}
	e.take(StepLifetime)
	if err := v.setTime(t, s.issuer, s.members); err != nil {
		return nil, err
	}
	e.take(StepIdentity)
	if err := v.setIdentity(t, s.issuer, s.members, j); err != nil {
		return nil, err
	}
	if err := t.checkLogin(); err != nil {
		return nil, err
	}
	e.take(StepTime)
	t.claims, t.scopes = claimTexts(s.members), claimScopes(s.members, s.issuer.ScopeClaims)
	t.sites = s.issuer.meets(v.added.Load().sites, s.members)
	if err := t.checkTime(now); err != nil {
		return t, err
	}
	s.issuer.noteLead(t, now)
	t.addViews(v.added.Load().views, s.members)
	return t, nil
}

// allows reports whether some issuer may use an algorithm. Signatures.verify decides about
// the token's own issuer.
func (v *Verifier) allows(algorithm string) bool {
	for _, i := range v.issuers {
		if i.signatures.allows(algorithm) {
			return true
		}
	}
	return false
}

// setTime reads the dates of a token.
func (v *Verifier) setTime(t *Verified, i *issuer, m members) (err error) {
	if t.ExpiresAt, err = m.requiredDate("exp"); err != nil {
		return err
	}
	if t.IssuedAt, err = i.issuedAt(m, t.ExpiresAt); err != nil {
		return err
	}
	notBefore, _, err := m.date("nbf", math.Ceil)
	if err != nil {
		return err
	}
	// Invariant 4: exp - iat is bounded. A longer token could outlive its revocation.
	if life := t.ExpiresAt - t.IssuedAt; life > v.lifetime {
		return refuse(fmt.Sprintf("exp is %ds after iat, over the longest lifetime allowed, %ds; let the issuer shorten its tokens, or else max_token_lifetime raises it", life, v.lifetime))
	}
	// A not-before instant would never refuse a token from the future.
	t.validFrom = max(notBefore, t.IssuedAt) - v.leeway
	// Invariant 5: iat counts in whole seconds, rounded down.
	t.Keys.IssuedAt, t.Keys.Expires = t.IssuedAt, t.ExpiresAt+v.leeway
	return nil
}

// issuedAt returns when a token was issued. If the issuer's tokens need no `iat`, `nbf`
// counts for a missing one, or else `exp` minus the lifetime of the issuer's tokens.
func (i *issuer) issuedAt(m members, expiresAt int64) (int64, error) {
	seconds, ok, err := i.statedIssuedAt(m)
	switch {
	case err != nil || ok:
		return seconds, err
	case i.AcceptMissingIssuedAt == 0:
		return 0, refuse(`"iat" is missing; accept_missing_iat takes nbf, or exp minus the lifetime of the issuer's tokens`)
	default:
		return max(0, expiresAt-int64((i.AcceptMissingIssuedAt+time.Second-1)/time.Second)), nil
	}
}

// statedIssuedAt returns `iat`, or `nbf` if it may stand for a missing `iat`.
func (i *issuer) statedIssuedAt(m members) (seconds int64, ok bool, err error) {
	if seconds, ok, err = m.date("iat", math.Floor); err != nil || ok || i.AcceptMissingIssuedAt == 0 {
		return seconds, ok, err
	}
	return m.date("nbf", math.Floor)
}

// setIdentity reads the ids of a token and makes its revocation keys.
func (v *Verifier) setIdentity(t *Verified, i *issuer, m members, j jws) (err error) {
	if t.Subject, err = m.id(i.SubjectClaims...); err != nil {
		return err
	}
	if t.SessionID, err = m.id(i.SessionClaims...); err != nil {
		return err
	}
	if t.TokenID, err = m.id(i.TokenIDClaim); err != nil {
		return err
	}
	tokenName := t.TokenID
	if tokenName == "" {
		// The signing input, not the token: every ES256 signature (r, s) has a twin (r,
		// n-s), and both are the same token.
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
	v.setLogin(t, i, m)
	if t.Subject != "" && t.AuthTime != 0 {
		t.Keys.AuthTime = t.AuthTime
		t.Keys.Login = store.NewLoginKey(v.namespace, t.Issuer, t.Subject, t.AuthTime)
	}
	if t.Session = t.SessionID; t.Session == "" && !t.Keys.Login.IsZero() {
		t.Session = store.LoginID(t.Keys.Login)
	}
	return nil
}

var (
	errExpired = fmt.Errorf("verifying token: its time is over: %w", ErrExpired)
	errNotYet  = fmt.Errorf("verifying token: its time has not come; compare the clocks of the issuer and the gate, leeway is how far they may differ: %w", ErrInvalid)
)
