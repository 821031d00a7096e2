package replica

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// revoking is one call of Revoke that is not finished.
type revoking struct {
	revocations []store.Revocation
	done        chan error      // holds one error
	over        context.Context // ends when the caller no longer waits
	// wanted reports whether the caller wants a receipt. The caller may read receipt once
	// done has received nil.
	wanted  bool
	receipt Receipt
	// published is the boot time at which the store had the entry; set with receipt.
	published time.Duration
}

// finish answers the caller. It does not wait for a caller that has left.
func (v *revoking) finish(err error) {
	select {
	case v.done <- err:
	default:
	}
}

// queue holds the calls that wait to be published. All calls that come while one entry is
// being published share the next one.
type queue struct {
	mu      sync.Mutex
	waiting []*revoking
	bell    bell
}

func (q *queue) put(calls ...*revoking) {
	q.mu.Lock()
	q.waiting = append(q.waiting, calls...)
	q.mu.Unlock()
	q.bell.ring()
}

// take removes and returns the calls whose revocations fit into one entry.
func (q *queue) take() (calls []*revoking, revocations []store.Revocation) {
	q.mu.Lock()
	defer q.mu.Unlock()
	reasons := 0
	for len(q.waiting) > 0 {
		next := q.waiting[0]
		if reasons += store.Reasons(next.revocations); len(revocations)+len(next.revocations) > store.MaxRevocations || reasons > store.MaxReasons {
			break
		}
		q.waiting = q.waiting[1:]
		if next.over.Err() == nil { // else its caller has left, and repair publishes it
			calls, revocations = append(calls, next), append(revocations, next.revocations...)
		}
	}
	return calls, revocations
}

// Revoke applies revocations to this replica at once, and puts them on the log. When it
// returns nil, they are as durable as the store can make them, and no Check that starts
// later misses them: on this replica, and on every replica of the fleet unless Acknowledge
// is AcknowledgeStore. An error means that the outcome is unknown. The replica then retries
// until the store has them, and revoking again is safe. If the log already holds a
// revocation for as long, Revoke adds nothing to the log, and its nil means the same.
//
// Revoke continues when ctx is cancelled, because a client that disconnects still wants the
// revocation. It ends within RevokeTimeout, or at the deadline of ctx if that is earlier.
func (r *Replica) Revoke(ctx context.Context, revocations ...store.Revocation) error {
	return r.revoke(ctx, &revoking{revocations: revocations})
}

// RevokeTimeout returns how long a revocation may wait for the fleet: two leases and a second.
// The longest lease that a gate may hold counts, also after the fleet's was lowered. It is
// zero with a local store.
func (r *Replica) RevokeTimeout() time.Duration {
	if r.fleet == nil {
		return 0
	}
	return 2*max(r.lease(r.options.Load()), time.Duration(r.longest.Load())) + time.Second
}

func (r *Replica) revoke(ctx context.Context, call *revoking) error {
	revocations := call.revocations
	if n := store.Fit(revocations); n == 0 || n < len(revocations) {
		return fmt.Errorf("revoking: %d revocations, want 1 to %d with at most %d bytes of reasons",
			len(revocations), store.MaxRevocations, store.MaxReasons)
	}
	for _, revocation := range revocations {
		if err := revocation.Validate(); err != nil {
			return fmt.Errorf("revoking: %w", err)
		}
	}
	limit := cmp.Or(r.RevokeTimeout(), localCall)
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, time.Until(deadline))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	revocations = r.remember(revocations)
	call.revocations = revocations
	r.origins.note(revocations)
	r.set.add(revocations, false)
	call.done, call.over = make(chan error, 1), ctx
	r.queue.put(call)
	var err error
	select {
	case err = <-call.done:
	case <-r.closing.Done():
		err = store.ErrClosed
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		r.notePending()
		return fmt.Errorf("revoking: %w", err)
	}
	return nil
}

// RevokeLater applies revocations to this replica at once, and retries in the background
// until the store has them. It is for callers that cannot wait for a confirmation. It
// ignores revocations that are not valid.
func (r *Replica) RevokeLater(revocations ...store.Revocation) {
	for _, revocation := range revocations {
		if revocation.Validate() == nil {
			r.origins.note([]store.Revocation{revocation})
			r.set.add(r.remember([]store.Revocation{revocation}), false)
		}
	}
	r.notePending()
}

// notePending makes repair publish the revocations that the replica holds and the log lacks.
func (r *Replica) notePending() {
	r.mu.Lock()
	r.pending++
	r.mu.Unlock()
	r.repairs.ring()
}

// publish puts the revocations of waiting calls on the log, one entry at a time, until ctx
// ends.
func (r *Replica) publish(ctx context.Context) {
	for r.queue.bell.wait(ctx, -1) {
		for calls, revocations := r.queue.take(); len(calls) > 0; calls, revocations = r.queue.take() {
			entry, err := r.put(ctx, calls, revocations)
			if err == nil && entry != nil {
				r.awaited.put(entry)
				continue
			}
			for _, call := range calls {
				call.finish(err)
			}
		}
	}
}

// put makes the log hold revocations. It returns the entry if the calls have to wait for
// other gates, and nil if they do not.
func (r *Replica) put(ctx context.Context, calls []*revoking, revocations []store.Revocation) (*entry, error) {
	o := r.options.Load()
	lease := r.lease(o)
	bounded, cancel := context.WithTimeout(ctx, call(lease))
	defer cancel()
	head, sent, err := r.log(bounded, revocations)
	if err != nil {
		return nil, err
	}
	r.origins.forget(revocations)
	published := &entry{
		Position:  head.Position,
		published: r.clock.Boot(), // and not before it was on the log
		unlisted:  head.Unlisted,
		calls:     calls,
	}
	published.account = open(calls, r.id, head, sent, published.published)
	published.account.see(head, r.clock.Boot())
	r.mu.Lock()
	published.known, published.lag = r.view.known, r.view.lag
	// A repeat that adds nothing waits for an entry that this gate may have read already.
	published.read = r.view.at == head.Position || r.awaited.has(head.Position)
	holds := published.read && r.view.recorded >= head.Seq && published.applied(head, r.id)
	r.mu.Unlock()
	if r.fleet != nil && o.Acknowledge != AcknowledgeStore && !holds {
		return published, nil
	}
	if published.account != nil && o.Acknowledge == AcknowledgeStore {
		published.account.receipt.StoreOnly = true
	}
	published.account.hand(calls)
	return nil, nil
}

// log puts those of the revocations on the log that the log lacks. It returns the head after
// that, and the boot time before the call for it.
//
// Attack: repeat a logout until the log is full. A revocation that the log holds for as long
// is not put there again: the answer waits for all that the log holds at one look.
//
// Attack: lose the log between the first logout and the repeat, or set it back, so that the
// fleet is asked about a log that holds nothing. A revocation that was left out counts only
// in the generation that holds it, and only while the log has not gone back.
func (r *Replica) log(ctx context.Context, revocations []store.Revocation) (head store.Head, sent time.Duration, err error) {
	for {
		r.mu.Lock()
		known := store.Position{Generation: r.view.generation, Seq: r.view.head}
		head = store.Head{Position: known, State: store.StateSettled}
		lacking := revocations
		if !r.view.returned {
			lacking = r.set.lacking(revocations)
		}
		r.mu.Unlock()
		sent = r.clock.Boot()
		switch {
		case len(lacking) > 0:
			head, err = r.append(ctx, lacking)
		case r.fleet != nil:
			head, err = r.fleet.Look(ctx)
			r.called(OpLook, err)
		}
		if err != nil {
			return head, sent, err
		}
		r.mu.Lock()
		if r.observeGeneration(head.Generation, sent) {
			r.observe(head, sent)
			if r.fleet == nil {
				r.set.add(lacking, true)
			}
		}
		r.mu.Unlock()
		if len(lacking) == len(revocations) || head.Generation == known.Generation && head.Seq >= known.Seq {
			return head, sent, nil
		}
	}
}

// append puts one entry on the log, and returns the head after that.
func (r *Replica) append(ctx context.Context, revocations []store.Revocation) (store.Head, error) {
	revocations = r.readable(revocations)
	if r.fleet != nil {
		head, err := r.fleet.Publish(ctx, revocations...)
		r.called(OpPublish, err)
		return head, err
	}
	at, err := r.store.Append(ctx, revocations...)
	r.called(OpPublish, err)
	return store.Head{Position: at, State: store.StateSettled}, err
}
