package caddymodule

import (
	"context"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

const (
	// maxOwed bounds the revocations of which not all that belongs to them is known
	// to be revoked.
	maxOwed = 1 << 14
	// owedPause is the time between two tries, if two leases are not longer.
	owedPause = time.Second
)

// owed are revocations of sessions that were made, or offered, without anybody
// knowing that what belongs to the session is revoked as well: the caller was
// answered 503, or other gates may lag behind (`acknowledge store`). It is seen to in
// the background, as the replica sees to the revocations themselves. The zero owed is
// not working.
type owed struct {
	mu      sync.Mutex
	pending map[store.Key]debt
	wake    chan struct{}
	cancel  context.CancelFunc
	wait    sync.WaitGroup
}

type debt struct {
	store.Revocation
	due time.Time
}

// settle starts the background work, which ends with close.
func (o *owed) settle(l *live) {
	ctx, cancel := context.WithCancel(context.Background())
	o.pending, o.wake, o.cancel = make(map[store.Key]debt), make(chan struct{}, 1), cancel
	o.wait.Go(func() { o.work(ctx, l) })
}

// stop has the background work end. A revocation that is on its way ends by itself,
// or when the replica is closed.
func (o *owed) stop() {
	if o.cancel != nil {
		o.cancel()
	}
}

func (o *owed) close() {
	o.stop()
	o.wait.Wait()
}

// owe notes revocations of sessions, and of tokens that stand for one, to be
// completed when every gate knows them or is fenced.
func (l *live) owe(revocations ...store.Revocation) {
	o := &l.owed
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending == nil {
		return
	}
	due := time.Now().Add(l.owedPause())
	for _, revocation := range revocations {
		if len(o.pending) < maxOwed {
			o.pending[revocation.Key] = debt{revocation, due}
		}
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// offer applies a revocation here and has it offered to the store, for when nobody
// can be told that it holds everywhere.
func (l *live) offer(revocation store.Revocation) {
	l.replica.Offer(revocation)
	l.owe(revocation)
}

func (l *live) owedPause() time.Duration { return max(owedPause, 2*l.replica.Status().Lease) }

func (o *owed) work(ctx context.Context, l *live) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		}
		for o.left() > 0 && ctx.Err() == nil {
			timer := time.NewTimer(l.owedPause())
			select {
			case <-ctx.Done():
			case <-timer.C:
				o.pay(ctx, l)
			}
			timer.Stop()
		}
	}
}

func (o *owed) left() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.pending)
}

// pay completes what is due, in no order. After a failure the rest is for the next
// time: the store is away, most likely.
func (o *owed) pay(ctx context.Context, l *live) {
	o.mu.Lock()
	var due []debt
	for _, d := range o.pending {
		if !d.due.After(time.Now()) {
			due = append(due, d)
		}
	}
	o.mu.Unlock()
	for _, d := range due {
		err := l.complete(ctx, d.Revocation)
		if err != nil {
			return
		}
		o.mu.Lock()
		if o.pending[d.Key] == d {
			delete(o.pending, d.Key)
		}
		o.mu.Unlock()
	}
}

// complete revokes all that belongs to a session, which it makes sure is in force
// everywhere before.
func (l *live) complete(ctx context.Context, own store.Revocation) error {
	all, err := l.withFamilies(ctx, own)
	if err != nil {
		return err
	}
	if !l.acknowledged(all) {
		if err := l.replica.Revoke(ctx, all...); err != nil {
			return err
		}
	}
	return l.revokeMembers(ctx, all...)
}
