package caddymodule

import (
	"context"

	"github.com/sessiongate/sessiongate/store"
)

// revoke makes revocations hold everywhere. It is what every way to revoke goes
// through: the endpoints, the operator's commands, and the issuer's logout.
func (l *live) revoke(ctx context.Context, revocations ...store.Revocation) error {
	return l.replica.Revoke(ctx, revocations...)
}
