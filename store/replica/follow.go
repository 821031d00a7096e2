package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// follow applies the log until ctx ends.
func (r *Replica) follow(ctx context.Context) {
	var at store.Position
	var wait time.Duration // none until the log was read up to its head
	backoff := minBackoff
	for ctx.Err() == nil {
		next, current, err := r.step(ctx, at, wait)
		if err == nil {
			at, backoff, wait = next, minBackoff, 0
			if current {
				wait = r.options.Load().read()
			}
			continue
		}
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, store.ErrGap) || errors.Is(err, store.ErrGeneration) {
			// Invariant 2 (DESIGN): what is held stays held while the log is
			// read again from its beginning.
			at, wait = store.Position{}, 0
		}
		r.fail(err)
		pause(ctx, backoff)
		backoff = min(2*backoff, maxBackoff)
	}
}

// step applies one batch and reports where it ends, and whether that is the head
// of the log. Rule R9 (DESIGN): apply first, then extend the lease, by the time
// before the store was asked.
func (r *Replica) step(ctx context.Context, at store.Position, wait time.Duration) (store.Position, bool, error) {
	o := r.options.Load()
	ctx, cancel := context.WithTimeout(ctx, wait+o.call())
	defer cancel()
	asked := o.Clock()
	batch, err := r.store.Read(ctx, at, wait)
	if err != nil {
		return at, false, fmt.Errorf("following the log: %w", err)
	}
	next, err := r.apply(at, batch)
	if err != nil {
		return at, false, fmt.Errorf("following the log: %w", err)
	}
	current := next.Seq >= batch.Head.Seq
	if current {
		r.extend(asked, next)
	}
	return next, current, nil
}

// apply puts a batch into the set and returns the position after it. Entries
// that do not run on from where the replica stands are a gap, whatever the
// store says.
func (r *Replica) apply(at store.Position, batch store.Batch) (store.Position, error) {
	for i, entry := range batch.Entries {
		follows := entry.Position.Generation == at.Generation && entry.Position.Seq == at.Seq+1
		begins := i == 0 && at == store.Position{}
		if !follows && !begins {
			return at, fmt.Errorf("entry %d after %d: %w", entry.Position.Seq, at.Seq, store.ErrGap)
		}
		r.set.add(entry.Revocations)
		at = entry.Position
	}
	if len(batch.Entries) > 0 {
		return at, nil
	}
	if at != (store.Position{}) && batch.Head != at {
		return at, fmt.Errorf("nothing after %d, the head is %d: %w", at.Seq, batch.Head.Seq, store.ErrGap)
	}
	return batch.Head, nil
}

// sweep forgets what has expired, in the set and on the log, until ctx ends.
func (r *Replica) sweep(ctx context.Context) {
	for pause(ctx, sweepEvery) {
		o := r.options.Load()
		now := o.Clock()
		r.set.purge(now.Unix())
		call, cancel := context.WithTimeout(ctx, o.call())
		if err := r.store.Trim(call, now); err != nil && ctx.Err() == nil {
			o.Logger.Warn("expired revocations stay on the log for now", "error", err)
		}
		cancel()
	}
}

// pause waits, and reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
