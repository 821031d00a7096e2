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

// entry is an entry of the log that some gate may not have applied yet, with the calls
// that wait for it.
type entry struct {
	store.Position
	// published is a boot time at which the entry was on the log. A lease that was asked
	// for before it expires within the longest lease of the fleet. That is the longest
	// lease known when the wait ends, because a head that was lost learns of it late.
	published time.Duration
	// known is the boot time at which the replica first heard of the generation. lag is how
	// long a store that was replaced when the generation began may go on.
	known, lag time.Duration
	// unlisted reports whether gates that are not on the list may be admitting, so that
	// only the end of every lease ends the wait.
	unlisted bool
	// read reports whether this gate has read the entry from the log.
	read    bool
	calls   []*revoking
	account *account // nil if no call wants a receipt
}

// over returns the boot time from which no gate admits unless it has applied the entry: by
// then every earlier lease has expired, also one that a replaced store granted. wait is
// how long a wait for leases is.
func (e *entry) over(wait time.Duration) time.Duration {
	return max(e.published+max(wait, e.lag), e.known+wait+e.lag)
}

// applied reports whether every other live gate has applied the entry.
//
// Rule R5: the list of gates proves this only once the log is settled. Before that, a gate
// that is not on the list may be admitting by a lease of another generation. Unlisted gates
// may be admitting, too. The head names the gates that have applied least: if these have
// applied the entry, all have.
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

// finished returns the calls of an entry that holds everywhere, with their receipts.
func (e *entry) finished() []*revoking {
	e.account.hand(e.calls)
	return e.calls
}

// awaited holds the entries that some gate may not have applied yet. All share one look at
// the store.
type awaited struct {
	mu      sync.Mutex
	entries []*entry
	fresh   bool // an entry was added since the last call of next
	bell    bell
	// latest holds the entries that this gate has read last from the log. Each is at the
	// index of its number modulo the length.
	latest [256]store.Position
}

// has reports whether an entry is among those that this gate has read last.
func (a *awaited) has(at store.Position) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.hasLocked(at)
}

func (a *awaited) hasLocked(at store.Position) bool {
	return a.latest[at.Seq%uint64(len(a.latest))] == at
}

// put adds an entry that was published.
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

// next reports whether an entry was added since the last call, and whether a look at the
// store may finish an entry now. deadline is the earliest end of a wait after now. wait is
// how long a wait for leases is.
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

// sort removes the entries that every gate has applied, and returns their calls as done. It
// also removes those that have to be published again, and returns their calls as again. It
// judges by the head of a look that was sent and received at these boot times. recorded is
// the position up to which the store has recorded that this gate has applied the log. wait
// is how long a wait for leases is.
//
// Rule R4: after the wait this gate has asked the store once more. Only an entry of the
// present generation counts, and only once this gate has read it from the log itself and
// the store has recorded that. Otherwise the other gates may have applied another entry of
// the same number, on a log that has gone back.
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

// fence notes for the receipts that the leases of these gates had expired at the boot time
// now.
func (a *awaited) fence(gates []store.GateID, now time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.entries {
		e.account.fence(gates, now)
	}
}

const (
	// quickLooks is how many looks follow one another without a pause. Gates need a
	// fraction of a millisecond, and no timer is that short.
	quickLooks = 10
	// firstPause is the first pause after these looks. The pauses grow.
	firstPause = time.Millisecond
)

// acknowledge waits for the other gates until ctx ends. It asks the store what each gate
// has applied, more and more rarely, and finishes the calls whose entries all have applied.
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
			looks = 0 // under load the pauses make calls share a look
			// Other gates rarely apply the entry before this one does.
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
			r.failed(&r.beating, err)
			r.mu.Unlock()
			pause(ctx, backoff(pace, lease))
		}
	}
}

// look asks the store once, and finishes the calls that its answer settles.
func (r *Replica) look(ctx context.Context, lease time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, call(lease))
	defer cancel()
	sent := r.clock.Boot()
	head, err := r.fleet.Look(bounded)
	r.called(OpLook, err)
	if err != nil {
		return fmt.Errorf("asking which gates have the revocation: %w", err)
	}
	if !r.applyHead(head, sent) {
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
