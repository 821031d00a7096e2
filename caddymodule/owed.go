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

// owed are revocations that were made, or offered, without anybody knowing that they
// hold everywhere, and that what belongs to a session is revoked as well: the caller
// was answered 503, or other gates may lag behind (`acknowledge store`). It is seen to
// in the background, as the replica sees to the revocations themselves, and then
// subscribers hear of those of which they have not heard. The zero owed is not working.
type owed struct {
	mu      sync.Mutex
	pending map[debtName]debt
	wake    chan struct{}
	cancel  context.CancelFunc
	wait    sync.WaitGroup
}

type debt struct {
	store.Revocation
	// untold is what subscribers have to hear of the revocation; nil if they have.
	untold *cause
	due    time.Time
}

// debtName tells revocations apart that are not one made twice.
type debtName struct {
	key, except store.Key
	notBefore   int64
}

func debtNameOf(r store.Revocation) debtName { return debtName{r.Key, r.Except, r.NotBefore} }

// settle starts the background work, which ends with close.
func (o *owed) settle(l *live) {
	ctx, cancel := context.WithCancel(context.Background())
	o.pending, o.wake, o.cancel = make(map[debtName]debt), make(chan struct{}, 1), cancel
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

// owe notes revocations to be completed when every gate knows them or is fenced, and
// what subscribers have to hear then, unless that is nil.
func (l *live) owe(untold *cause, revocations ...store.Revocation) {
	o := &l.owed
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending == nil {
		return
	}
	due := time.Now().Add(l.owedPause())
	for _, revocation := range revocations {
		if len(o.pending) < maxOwed {
			o.pending[debtNameOf(revocation)] = debt{revocation, untold, due}
		}
	}
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// forget forgets revocations that were made once more, and completed.
func (o *owed) forget(revocations []store.Revocation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, revocation := range revocations {
		delete(o.pending, debtNameOf(revocation))
	}
}

// offer applies revocations here and has them offered to the store, for when nobody
// can be told that they hold everywhere.
func (l *live) offer(why cause, revocations ...store.Revocation) {
	l.replica.Offer(revocations...)
	l.owe(&why, revocations...)
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

// pay completes what is due. After a failure the rest is for the next time: the store is
// away, most likely.
func (o *owed) pay(ctx context.Context, l *live) {
	o.mu.Lock()
	var tokens, due []debt
	for _, d := range o.pending {
		switch {
		case d.due.After(time.Now()):
		case d.Kind == store.KindToken:
			tokens = append(tokens, d)
		default:
			due = append(due, d)
		}
	}
	o.mu.Unlock()
	// Tokens first, so that nobody hears twice of their sessions.
	for _, d := range append(tokens, due...) {
		if !o.owes(d) {
			continue // it was completed meanwhile, with a token or by a call
		}
		all, err := l.complete(ctx, d.Revocation)
		if err != nil {
			return
		}
		if o.settled(d) && d.untold != nil {
			l.events.revoked(*d.untold, all)
			o.forget(all) // what belongs to it may be owed by itself, and is told now
		}
	}
}

// owes reports whether a debt is still on the list.
func (o *owed) owes(d debt) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.pending[debtNameOf(d.Revocation)] == d
}

// settled takes a debt off the list, and reports whether it was still there.
func (o *owed) settled(d debt) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	name := debtNameOf(d.Revocation)
	if o.pending[name] != d {
		return false
	}
	delete(o.pending, name)
	return true
}

// complete sees to it that a revocation holds everywhere, and then that all that
// belongs to a session is revoked. It returns the revocation with those of the sessions
// that a token belongs to.
func (l *live) complete(ctx context.Context, own store.Revocation) (all []store.Revocation, err error) {
	if all, err = l.withFamilies(ctx, own); err != nil {
		return nil, err
	}
	if err := l.replica.Revoke(ctx, all...); err != nil {
		return nil, err
	}
	return all, l.revokeMembers(ctx, all...)
}
