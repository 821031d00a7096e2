package replica_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// stuck is a shared store whose Publish never returns by itself.
type stuck struct{ store.Fleet }

func (stuck) Publish(ctx context.Context, _ ...store.Revocation) (store.Head, error) {
	<-ctx.Done()
	return store.Head{}, ctx.Err()
}

// A caller that revokes in several steps limits the time of all of them. A call ends at
// the caller's deadline, but continues if the caller cancels.
func TestARevocationEndsAtTheDeadline(t *testing.T) {
	const lease = 3 * time.Second
	for name, tt := range map[string]struct {
		context func(context.Context) (context.Context, context.CancelFunc)
		atMost  time.Duration
	}{
		"a deadline of its own": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, 100*time.Millisecond)
		}, 100 * time.Millisecond},
		"a deadline that is over": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, -time.Second)
		}, 0},
		"a late deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Hour)
		}, 2*lease + time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, stuck{shared()}, replica.Options{Lease: lease})
				<-r.Synced()
				one, token := revocation("one")
				ctx, cancel := tt.context(t.Context())
				defer cancel()
				began := time.Now()
				err := r.Revoke(ctx, one)
				if took := time.Since(began); err == nil || errors.Is(err, context.Canceled) || took > tt.atMost {
					t.Errorf("took %v, error %v; want at most %v and a failure", took, err, tt.atMost)
				}
				wantVerdict(t, r, token, replica.BySession) // the revocation holds at this gate anyway
			})
		})
	}
}
