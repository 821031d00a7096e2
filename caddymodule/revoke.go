package caddymodule

import (
	"context"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// revoke makes revocations hold everywhere, and with a session all that is known to
// belong to it. It is what every way to revoke goes through: the endpoints, the
// operator's commands, and the issuer's logout. It goes on when ctx is cancelled, and
// ends within two leases and a second.
func (l *live) revoke(ctx context.Context, revocations ...store.Revocation) error {
	ctx, cancel := l.patience(ctx)
	defer cancel()
	err := l.replica.Revoke(ctx, revocations...)
	if err == nil {
		err = l.revokeMembers(ctx, revocations...)
	}
	if err != nil || l.lagging.Load() {
		l.owe(slices.DeleteFunc(slices.Clone(revocations), func(r store.Revocation) bool { return r.Kind != store.KindSession })...)
	}
	return err
}

// patience is the context of a whole call that revokes: without the caller's
// cancellation, and with an earlier deadline if there is one already.
func (l *live) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	lease := l.replica.Status().Lease
	limit := time.Now().Add(2*lease + time.Second)
	switch {
	case bounded && (lease == 0 || deadline.Before(limit)):
		return context.WithDeadline(ctx, deadline)
	case lease == 0: // this machine's own store has a limit of its own
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, limit)
}
