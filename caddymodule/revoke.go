package caddymodule

import (
	"context"
	"slices"
	"time"

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
	// source is one of the sources.
	source string
	// issuer is the exact `iss`.
	issuer string
	// reason is the operator's, or "".
	reason string
}

// revoke makes revocations hold everywhere, and with a session all that is known to
// belong to it. It is what every way to revoke goes through: the endpoints, the
// operator's commands, and the issuer's logout. It goes on when ctx is cancelled, and
// ends within two leases and a second.
func (l *live) revoke(ctx context.Context, why cause, revocations ...store.Revocation) error {
	return l.revokeBy(ctx, why, revocations, func(ctx context.Context) error {
		return l.replica.Revoke(ctx, revocations...)
	})
}

// revokeWithReceipt is revoke, and tells how it went.
func (l *live) revokeWithReceipt(ctx context.Context, why cause, revocations ...store.Revocation) (receipt replica.Receipt, err error) {
	err = l.revokeBy(ctx, why, revocations, func(ctx context.Context) (err error) {
		receipt, err = l.replica.RevokeWithReceipt(ctx, revocations...)
		return err
	})
	return receipt, err
}

// revokeBy is revoke, where the replica does its part as it is told.
func (l *live) revokeBy(ctx context.Context, why cause, revocations []store.Revocation, first func(context.Context) error) error {
	ctx, cancel := l.patience(ctx)
	defer cancel()
	err := first(ctx)
	if err == nil {
		err = l.revokeMembers(ctx, revocations...)
	}
	if err != nil {
		l.owe(&why, revocations...)
		return err
	}
	l.owed.forget(revocations)
	l.events.revoked(why, revocations)
	if l.lagging.Load() {
		l.owe(nil, slices.DeleteFunc(slices.Clone(revocations), func(r store.Revocation) bool { return r.Kind != store.KindSession })...)
	}
	return nil
}

// patience is the context of a whole call that revokes: without the caller's
// cancellation, and with an earlier deadline if there is one already.
func (l *live) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	patience := l.replica.Patience()
	limit := time.Now().Add(patience)
	switch {
	case bounded && (patience == 0 || deadline.Before(limit)):
		return context.WithDeadline(ctx, deadline)
	case patience == 0: // this machine's own store has a limit of its own
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, limit)
}
