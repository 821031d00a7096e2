package caddymodule

import (
	"context"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// The sources of revocations, as events name them.
const (
	sourceEndpoint = "endpoint" // DELETE of the session endpoint
	sourceSessions = "sessions" // the sessions endpoint: log out everywhere
	sourceAdmin    = "admin"    // an operator
	sourceIssuer   = "issuer"   // the issuer's logout
)

// cause says who revokes, and why. It decides nothing; events tell it.
type cause struct {
	// source is one of the sources, or "" if nobody said.
	source string
	// issuer is the exact `iss`.
	issuer string
	// reason is the operator's, or "".
	reason string
}

// revoke makes revocations hold everywhere. It is what every way to revoke goes
// through: the endpoints, the operator's commands, and the issuer's logout.
func (l *live) revoke(ctx context.Context, revocations ...store.Revocation) error {
	return l.revokeFor(ctx, cause{}, revocations...)
}

// revokeFor is revoke, and tells events who did so.
func (l *live) revokeFor(ctx context.Context, why cause, revocations ...store.Revocation) error {
	err := l.replica.Revoke(ctx, revocations...)
	if err == nil {
		l.events.revoked(why, revocations)
	}
	return err
}

// revokeWithReceipt is revokeFor, and tells how it went.
func (l *live) revokeWithReceipt(ctx context.Context, why cause, revocations ...store.Revocation) (replica.Receipt, error) {
	receipt, err := l.replica.RevokeWithReceipt(ctx, revocations...)
	if err == nil {
		l.events.revoked(why, revocations)
	}
	return receipt, err
}
