package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// follow reads and applies the log until ctx ends.
func (r *Replica) follow(ctx context.Context) {
	var delay time.Duration
	for ctx.Err() == nil {
		err := r.step(ctx)
		if err == nil || ctx.Err() != nil {
			delay = 0
			continue
		}
		r.mu.Lock()
		if errors.Is(err, store.ErrGap) || errors.Is(err, store.ErrGeneration) {
			r.restart()
		}
		if errors.Is(err, store.ErrGap) {
			r.repaired(RepairGap)
		}
		r.failed(&r.reading, err)
		r.mu.Unlock()
		delay = backoff(delay, r.lease(r.options.Load()))
		pause(ctx, delay)
	}
}

// step reads and applies one batch.
func (r *Replica) step(ctx context.Context) error {
	lease := r.lease(r.options.Load())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r.mu.Lock()
	at, whole := r.view.at, r.view.whole
	r.interrupt = cancel
	r.mu.Unlock()
	var wait time.Duration // zero until the log was read up to its head
	if whole {
		wait = read(lease)
	}
	bounded, end := context.WithTimeout(ctx, wait+call(lease))
	defer end()
	if at == (store.Position{}) {
		if err := r.retain(ctx); err != nil {
			return err
		}
	}
	asked, sent := r.clock.Now(), r.clock.Boot()
	batch, err := r.store.Read(bounded, at, wait)
	if ctx.Err() != nil {
		return nil // restart interrupted the read: read from the beginning next
	}
	r.called(OpRead, err)
	if err == nil {
		err = r.apply(at, batch, asked, sent)
	}
	if err != nil {
		return fmt.Errorf("reading the revocation log: %w", err)
	}
	return nil
}

// apply adds a batch that was read after the position at to the set, and advances the
// position. It drops the batch if the replica is at another position by now: the replica
// will read these entries again.
func (r *Replica) apply(at store.Position, batch store.Batch, asked Instant, sent time.Duration) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.observeGeneration(batch.Head.Generation, sent) || r.view.at != at {
		return nil
	}
	if r.fleet == nil { // in a fleet, heartbeats tell both
		r.clocks.observe(batch.Now, asked, sent, r.clock.Now().Wall)
		r.bound(batch.Bounds)
	}
	reached, err := r.entries(at, batch)
	r.view.at = reached
	if err != nil {
		return err
	}
	r.recovered(&r.reading)
	r.advance(r.view.state, batch.Head.Seq)
	if reached.Seq >= batch.Head.Seq && !r.view.whole {
		r.complete()
	}
	r.extendLease()
	if len(batch.Entries) > 0 {
		r.awaited.applied(batch.Entries)
		// No revocation waits for an unlisted gate.
		if r.options.Load().Acknowledge != AcknowledgeLease {
			r.beats.ring()
		}
		r.repairs.ring()
	}
	return nil
}

// entries applies the entries of a batch, and returns the position after the last one that
// it applied. Entries that do not follow the position of the replica are a gap, whatever
// the store says. The exception are entries of earlier generations: some of these may be
// lost. The caller holds mu.
func (r *Replica) entries(at store.Position, batch store.Batch) (store.Position, error) {
	for i, entry := range batch.Entries {
		seq := entry.Position.Seq
		follows := seq == at.Seq+1 || seq > at.Seq && seq <= batch.Born+1
		begins := i == 0 && at == store.Position{}
		if entry.Position.Generation != r.view.generation || !follows && !begins {
			return at, fmt.Errorf("entry %d after %d: %w", seq, at.Seq, store.ErrGap)
		}
		r.set.add(entry.Revocations, true)
		if follower := r.options.Load().Follower; follower != nil {
			follower.Applied(entry.Revocations)
		}
		at = entry.Position
	}
	if len(batch.Entries) > 0 {
		return at, nil
	}
	if at != (store.Position{}) && batch.Head != at && batch.Head.Seq > max(at.Seq, batch.Born) {
		return at, fmt.Errorf("nothing after %d, the head is %d: %w", at.Seq, batch.Head.Seq, store.ErrGap)
	}
	return batch.Head, nil
}

// complete notes that the replica has applied the log from its beginning up to a head. The
// caller holds mu.
func (r *Replica) complete() {
	r.view.whole = true
	if r.view.reread {
		r.view.reread, r.purged = false, r.bounds.Swept
		r.set.swept.Store(r.bounds.Swept)
	}
	r.repairs.ring()
	r.beats.ring()
	if r.options.Load().Lease == 0 {
		r.storeTerm(&term{lease: forever, admit: forever})
	}
}

// sweep removes expired revocations from the set and from the log until ctx ends.
func (r *Replica) sweep(ctx context.Context) {
	for pause(ctx, sweepEvery) {
		o := r.options.Load()
		if err := r.retain(ctx); err != nil {
			o.Logger.Warn("this gate keeps expired revocations for now, because it could not write its retention to the store; it retries", "error", err)
			continue
		}
		now := r.forget()
		if now == 0 {
			continue
		}
		call, cancel := context.WithTimeout(ctx, call(r.lease(o)))
		err := r.store.Trim(call, time.Unix(now, 0).Add(-trimGrace))
		if r.called(OpTrim, err); err != nil && ctx.Err() == nil {
			o.Logger.Warn("this gate could not remove expired revocations from the revocation log; it retries", "error", err)
		}
		cancel()
	}
}
