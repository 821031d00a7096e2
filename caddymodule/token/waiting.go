package token

import (
	"context"
	"errors"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
)

// VerifyWaiting is Verify for a caller that can wait. If the key set of the issuer does not hold
// the `kid` of the token, it waits until the set was fetched, at most a second, and then verifies
// once more. It returns ErrInvalid if the issuer was asked and does not know the `kid`, and
// ErrUnavailable if the issuer has not answered (keys.Await). Other tokens never wait.
//
// If it waited, it sets now to the time after that: a lease that was good before may be over.
func (v *Verifier) VerifyWaiting(ctx context.Context, raw string, now *time.Time) (*Verified, error) {
	t, err := v.accept(raw, *now)
	if err != nil && errors.Is(err, ErrUnknownKey) {
		issuer, _ := Named(err)
		if err = keys.Await(ctx, err); err != nil {
			err = &ClaimedError{issuer, err}
		}
		*now = time.Now()
		if err == nil {
			t, err = v.accept(raw, *now)
		}
	}
	if err != nil {
		v.counters.refused.Add(1)
		return nil, err
	}
	return t, nil
}

// VerifyLogoutWaiting is VerifyLogout for a caller that can wait, as VerifyWaiting is for
// Verify. Issuers send a logout token once: a refusal would lose the logout.
func (v *Verifier) VerifyLogoutWaiting(ctx context.Context, raw string, now time.Time) (*Logout, error) {
	l, err := v.VerifyLogout(raw, now)
	if err == nil || !errors.Is(err, ErrUnknownKey) {
		return l, err
	}
	issuer, _ := Named(err)
	if err := keys.Await(ctx, err); err != nil {
		return nil, &ClaimedError{issuer, err}
	}
	return v.VerifyLogout(raw, time.Now())
}

// ExplainWaiting is Explain for a caller that can wait, as VerifyWaiting is for Verify.
func (v *Verifier) ExplainWaiting(ctx context.Context, raw string, now time.Time) Explanation {
	e := v.Explain(raw, now)
	if e.Err == nil || !errors.Is(e.Err, ErrUnknownKey) {
		return e
	}
	if e.Err = keys.Await(ctx, e.Err); e.Err != nil {
		return e
	}
	return v.Explain(raw, now)
}
