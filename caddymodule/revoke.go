package caddymodule

import (
	"context"

	"github.com/sessiongate/sessiongate/store"
)

// revoke makes revocations hold everywhere, and with a session all that is known to
// belong to it. It is what every way to revoke goes
// through: the endpoints, the operator's commands, and the issuer's logout.
func (l *live) revoke(ctx context.Context, revocations ...store.Revocation) error {
	if err := l.replica.Revoke(ctx, revocations...); err != nil {
		return err
	}
	return l.revokeMembers(ctx, revocations...)
}
