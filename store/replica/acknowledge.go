package replica

import (
	"cmp"
	"context"
	"fmt"
	"slices"
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
	// unlisted says that gates which are not on the list may be admitting, so that
	// nothing but the end of every lease ends the wait.
	unlisted bool
	// read says that this gate has read the entry from the log.
	read    bool
	calls   []*revoking
	account *account // nil if nobody wants a receipt
}

// over is the boot time at which nobody admits without having applied the entry, where a
// wait for leases lasts so long: every lease is over that was given before, also by a
// store that was replaced.
func (e *entry) over(wait time.Duration) time.Duration {
	return max(e.published+max(wait, e.lag), e.known+wait+e.lag)
}

// applied reports whether every live gate but this one holds the entry.
//
// Rule R5: the list of gates says so only once it is settled. Before, a
// gate that is not on it may be admitting by a lease of another generation; and
// while there are gates that are on no list, these may. The head names the gates
// that have applied least: if those hold the entry, all do.
func (e *entry) applied(head store.Head, self store.GateID) bool {
	if head.State != store.StateSettled || head.Generation != e.Generation || head.Unlisted {
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
	// latest are the entries that this gate read last from the log, each at its number
	// modulo their count.
	latest [256]store.Position
}

// has reports whether an entry is among those that this gate read last.
func (a *awaited) has(at store.Position) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.hasLocked(at)
}

func (a *awaited) hasLocked(at store.Position) bool {
	return a.latest[at.Seq%uint64(len(a.latest))] == at
}

// put has the entry that was published awaited.
func (a *awaited) put(e *entry) {
	a.mu.Lock()
	e.read = e.read || a.hasLocked(e.Position)
	a.entries = append(a.entries, e)
	a.fresh = true
	a.mu.Unlock()
	a.bell.ring()
}

// applied notes which entries this gate has read from the log.
func (a *awaited) applied(entries []store.Entry) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, entry := range entries {
		a.latest[entry.Position.Seq%uint64(len(a.latest))] = entry.Position
	}
	for _, e := range a.entries {
		i, found := slices.BinarySearchFunc(entries, e.Seq, func(read store.Entry, seq uint64) int {
			return cmp.Compare(read.Position.Seq, seq)
		})
		e.read = e.read || found && entries[i].Position == e.Position
	}
}

// next reports whether an entry has come since it was called last, whether a look
// may finish one now, and the earliest end of the waits, which last so long, that is
// after now.
func (a *awaited) next(now, wait time.Duration) (fresh, due bool, deadline time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	fresh, a.fresh = a.fresh, false
	deadline = forever
	for _, e := range a.entries {
		end := e.over(wait)
		due = due || !e.unlisted || end <= now
		if end > now {
			deadline = min(deadline, end)
		}
	}
	return fresh, due, deadline
}

// sort takes out the entries that every gate holds, and those that have to be
// published again, by the answer to a look that was sent and received at these
// boot times, where a wait for leases lasts so long, and by what this gate has said to
// have applied.
//
// Rule R4: after the wait the store was asked once more, and what counts
// is only an entry of the generation that is there now. It counts only once this gate
// has read it from the log itself, and the store has recorded that: what others say to
// have applied may be another entry of the same number, on a log that has gone back.
func (a *awaited) sort(head store.Head, recorded store.Position, sent, received, wait time.Duration, self store.GateID) (done, again []*revoking) {
	a.mu.Lock()
	defer a.mu.Unlock()
	waiting := a.entries[:0]
	for _, e := range a.entries {
		held := recorded.Generation == e.Generation && recorded.Seq >= e.Seq
		switch e.account.see(head, received); {
		case e.Generation != head.Generation, head.Seq < e.Seq, held && !e.read:
			again = append(again, e.calls...)
		case held && e.applied(head, self):
			done = append(done, e.finished()...)
		case held && sent >= e.over(wait):
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

// fence notes for the receipts that gates' leases were over at the boot time now.
func (a *awaited) fence(gates []store.GateID, now time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.entries {
		e.account.fence(gates, now)
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
// more and more rarely, and finishes the calls whose entries everybody holds.
func (r *Replica) acknowledge(ctx context.Context) {
	looks, pace, idle := 0, firstPause, true
	for ctx.Err() == nil {
		lease := r.lease(r.options.Load())
		now := r.clock.Boot()
		fresh, due, deadline := r.awaited.next(now, r.margin(lease))
		if fresh {
			pace = firstPause
		}
		if fresh && idle {
			looks = 0 // under load the pauses have everybody share a look
			// Before this gate has applied the entry, hardly any other has.
			r.heard.wait(ctx, firstPause)
		}
		idle = !due
		switch {
		case !due:
			r.awaited.bell.wait(ctx, deadline-now)
			continue
		case looks >= quickLooks:
			r.awaited.bell.wait(ctx, min(pace, deadline-now))
			pace = min(pace*3/2, lease/32)
		}
		looks++
		if err := r.look(ctx, lease); err != nil && ctx.Err() == nil {
			r.mu.Lock()
			r.fail(&r.beating, err)
			r.mu.Unlock()
			pause(ctx, backoff(pace, lease))
		}
	}
}

// look asks the store once.
func (r *Replica) look(ctx context.Context, lease time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, call(lease))
	defer cancel()
	sent := r.clock.Boot()
	head, err := r.fleet.Look(bounded)
	if err != nil {
		return fmt.Errorf("asking which gates have the revocation: %w", err)
	}
	if !r.takeUp(head, sent) {
		return nil
	}
	r.mu.Lock()
	recorded := store.Position{Generation: r.view.generation, Seq: r.view.recorded}
	r.mu.Unlock()
	done, again := r.awaited.sort(head, recorded, sent, r.clock.Boot(), r.margin(lease), r.id)
	for _, call := range done {
		call.finish(nil)
	}
	if len(again) > 0 {
		r.queue.put(again...)
	}
	return nil
}
