package replica

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// entry is an entry of the log that the fleet has yet to apply, and the calls
// that wait for it.
type entry struct {
	store.Position
	// published is a boot time at which the entry was on the log. Every lease that was
	// asked for before it is over after the longest that the fleet has: that which is
	// known when the wait ends, because a head that was lost is told of it late.
	published time.Duration
	// known is the boot time at which the generation was first heard of, and lag for
	// how long a store may go on that was replaced when it began.
	known, lag time.Duration
	calls      []*revoking
	account    *account // nil if nobody wants a receipt
}

// over is the boot time at which nobody admits without having applied the entry, where a
// wait for leases lasts so long: every lease is over that was given before, also by a
// store that was replaced.
func (e *entry) over(wait time.Duration) time.Duration {
	return max(e.published+max(wait, e.lag), e.known+wait+e.lag)
}

// applied reports whether every live gate but this one holds the entry. This one
// holds it since before it was published.
//
// Rule R5 (DESIGN): the list of gates says so only once it is settled. Before, a
// gate that is not on it may be admitting by a lease of another generation.
func (e *entry) applied(head store.Head, self store.GateID) bool {
	if head.State != store.StateSettled || head.Generation != e.Generation {
		return false
	}
	for _, gate := range head.Gates {
		if gate.ID != self && gate.Applied < e.Seq {
			return false
		}
	}
	return true
}

// finished are the calls of an entry that holds everywhere, with their receipts.
func (e *entry) finished() []*revoking {
	e.account.hand(e.calls)
	return e.calls
}

// awaited are the entries that the fleet has yet to apply. All share one look at
// the store.
type awaited struct {
	mu      sync.Mutex
	entries []*entry
	fresh   bool // one came since next was called
	bell    bell
}

func (a *awaited) put(e *entry) {
	a.mu.Lock()
	a.entries = append(a.entries, e)
	a.fresh = true
	a.mu.Unlock()
	a.bell.ring()
}

// next reports whether an entry has come since it was called last, how many wait,
// and the earliest end of their waits, which last so long, that is after now.
func (a *awaited) next(now, wait time.Duration) (fresh bool, waiting int, deadline time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fresh, a.fresh = a.fresh, false
	deadline = forever
	for _, e := range a.entries {
		if end := e.over(wait); end > now {
			deadline = min(deadline, end)
		}
	}
	return fresh, len(a.entries), deadline
}

// sort takes out the entries that every gate holds, and those that have to be
// published again, by the answer to a look that was sent and received at these
// boot times, where a wait for leases lasts so long.
//
// Rule R4 (DESIGN): after the wait the store was asked once more, and what counts
// is only an entry of the generation that is there now.
func (a *awaited) sort(head store.Head, sent, received, wait time.Duration, self store.GateID) (done, again []*revoking) {
	a.mu.Lock()
	defer a.mu.Unlock()
	waiting := a.entries[:0]
	for _, e := range a.entries {
		switch e.account.see(head, received); {
		case e.Generation != head.Generation:
			again = append(again, e.calls...)
		case e.applied(head, self):
			done = append(done, e.finished()...)
		case sent >= e.over(wait):
			e.account.leased(received)
			done = append(done, e.finished()...)
		default:
			waiting = append(waiting, e)
		}
	}
	clear(a.entries[len(waiting):])
	a.entries = waiting
	return done, again
}

// fence notes for the receipts that a gate's lease was over at the boot time now.
func (a *awaited) fence(id store.GateID, now time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.entries {
		e.account.fence(id, now)
	}
}

const (
	// quickLooks is how many looks follow one another without a pause. Gates need
	// a fraction of a millisecond, and no timer is as short as that.
	quickLooks = 10
	// firstPause is the pause after them. It grows.
	firstPause = time.Millisecond
)

// acknowledge waits for the fleet until ctx ends: it looks who has applied what,
// more and more rarely, and finishes the calls whose entries everybody holds. It
// also finds the gates that are gone, so that nobody has to wait for them.
func (r *Replica) acknowledge(ctx context.Context) {
	var seen census
	looks, pace, idle := 0, firstPause, true
	for ctx.Err() == nil {
		lease := r.lease(r.options.Load())
		now := r.clock.Boot()
		fresh, waiting, deadline := r.awaited.next(now, r.margin(lease))
		if fresh {
			pace = firstPause
		}
		if fresh && idle {
			looks = 0 // under load the pauses have everybody share a look
			// Before this gate has read the entry, no other has.
			r.heard.wait(ctx, firstPause)
		}
		idle = waiting == 0
		switch {
		case waiting == 0 && !seen.due(now, lease):
			r.awaited.bell.wait(ctx, seen.next(now, lease))
			continue
		case waiting > 0 && looks >= quickLooks:
			r.awaited.bell.wait(ctx, min(pace, deadline-now))
			pace = min(pace*3/2, lease/32)
		}
		looks++
		if err := r.look(ctx, &seen, lease); err != nil && ctx.Err() == nil {
			r.mu.Lock()
			r.fail(&r.beating, err)
			r.mu.Unlock()
			pause(ctx, backoff(pace, lease))
		}
	}
}

// look asks the store once.
func (r *Replica) look(ctx context.Context, seen *census, lease time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, call(lease))
	defer cancel()
	sent := r.clock.Boot()
	head, err := r.fleet.Look(bounded)
	if err != nil {
		return fmt.Errorf("looking who has applied what: %w", err)
	}
	r.mu.Lock()
	counts := r.learn(head.Generation, sent)
	if counts {
		r.told(head)
		r.view.gates = len(head.Gates)
	}
	r.mu.Unlock()
	if !counts {
		return nil
	}
	done, again := r.awaited.sort(head, sent, r.clock.Boot(), r.margin(lease), r.id)
	for _, call := range done {
		call.finish(nil)
	}
	if len(again) > 0 {
		r.queue.put(again...)
	}
	// If this store was replaced, a silent gate may have a lease of the new one. It is
	// waited for until this store answers no more.
	for _, gate := range seen.take(head, sent, r.clock.Boot(), r.margin(lease)+margin(head.Lag)) {
		if gate.ID == r.id {
			continue
		}
		r.awaited.fence(gate.ID, r.clock.Boot())
		r.options.Load().Logger.Warn("a gate has sent no heartbeat for a lease and is not waited for any more", "gate", gate.ID)
		if err := r.fleet.Dismiss(bounded, head.Generation, gate); err != nil {
			return fmt.Errorf("dismissing a gate: %w", err)
		}
	}
	return nil
}
