package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// repair writes the revocations that the replica holds and the log lacks, until ctx ends.
// It merges them into a log in repair, and publishes them otherwise.
func (r *Replica) repair(ctx context.Context) {
	var delay time.Duration
	for ctx.Err() == nil {
		lease := r.lease(r.options.Load())
		r.mu.Lock()
		v, pending := r.view, r.pending != r.cleared
		r.mu.Unlock()
		var err error
		wait := time.Duration(-1)
		switch {
		case !v.whole || v.at.Seq < v.head:
			// Another gate may have just put them there: read on first.
		case v.state == store.StateRepair && r.fleet != nil && !v.heartbeatAnswered:
			// Only a gate whose heartbeat has told the store what it knows of the fleet may
			// open the log.
			r.beats.ring()
		case v.state == store.StateRepair && r.fleet != nil:
			wait, err = r.restore(ctx, v, lease)
		case pending:
			err = r.publishPending(ctx, lease)
		}
		if err != nil && ctx.Err() == nil {
			r.options.Load().Logger.Debug("this gate could not write all of its revocations to the revocation log; it retries", "error", err)
			delay = backoff(delay, lease)
			pause(ctx, delay)
			continue
		}
		delay = 0
		r.repairs.wait(ctx, wait)
	}
}

// restore merges the set into a log in repair, and opens the log, when each is due. It
// returns how long to wait before the next try; negative waits for the bell alone.
//
// Rule R7: a witness holds every revocation that was ever acknowledged. So it opens the
// log as soon as it has merged. Without a witness, two conditions open the log:
//
//   - A gate that was cut off for less than a lease has had time to merge.
//   - No gate has taken the turn for a while. A waiting gate learns twice in this time
//     that the turn is free.
//
// A gate learns by its heartbeats whose turn it is. It asks for the turn only if it has
// something to merge, or has to open the log, and not while it knows that another gate
// has the turn. So the gates do not ask the store in circles, however many they are.
func (r *Replica) restore(ctx context.Context, v view, lease time.Duration) (time.Duration, error) {
	o := r.options.Load()
	now := r.clock.Boot()
	known, again := now-v.known, lease/16
	r.mu.Lock()
	_, second := r.times()
	v.witness = v.witness && !r.overswept(r.purged, second)
	r.mu.Unlock()
	if !v.witness && known < r.margin(lease) {
		return r.margin(lease) - known, nil
	}
	lost := v.turn.stale(now, lease) != 0
	opens := v.witness
	switch {
	case v.merged && !v.witness:
		due := known >= max(2*r.margin(lease), v.lag) && (!o.Manual || v.permitted)
		opens = due && v.turn.free(lease*2/3)
		// A lost turn is released first, for the gates that wait for it.
		if !lost && !opens {
			return again, nil
		}
	case !lost && v.turn.others(r.id, v.witness):
		return again, nil
	}
	merged := !v.witness && !v.merged && v.turn.held.Gate != r.id && !r.hasPending()
	if !merged {
		var err error
		if merged, err = r.merge(ctx, v, opens, lease); err != nil || !merged {
			return again, err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.view.generation != v.generation {
		return 0, nil
	}
	if !r.view.merged {
		r.view.merged = true
		r.beats.ring()
	}
	if !opens {
		return 0, nil
	}
	r.advance(store.StateOpen, r.view.head)
	r.beats.ring()
	o.Logger.Info("this gate opened the revocation log for the fleet", "witness", v.witness, "revocations", r.set.len(), "after", known)
	return -1, nil
}

// hasPending reports whether the replica holds a revocation that is not known to be on the
// log. Another gate may have merged those that were pending before.
func (r *Replica) hasPending() bool {
	r.mu.Lock()
	pending := r.pending
	r.mu.Unlock()
	has := false
	_, _ = r.eachUnlogged(func([]store.Revocation) (bool, error) {
		has = true
		return false, nil
	})
	if !has {
		r.clearPending(pending)
	}
	return has
}

// merge puts on the log every revocation that the replica holds and the log lacks. It
// reports false if another gate has the turn.
func (r *Replica) merge(ctx context.Context, v view, opens bool, lease time.Duration) (bool, error) {
	step := store.Merge{Gate: r.id, Generation: v.generation, Witness: v.witness}
	if done, err := r.mergeStep(ctx, step, lease); !done || err != nil {
		return false, err
	}
	r.mu.Lock()
	behind, pending := r.view.at.Seq < r.view.head, r.pending
	r.mu.Unlock()
	if behind {
		return false, nil // the gate that had the turn before may have merged the same
	}
	refused := false
	lost, err := r.eachUnlogged(func(revocations []store.Revocation) (bool, error) {
		step.Revocations = r.readable(revocations)
		done, err := r.mergeStep(ctx, step, lease)
		if refused = !done; done {
			r.origins.forget(revocations)
		}
		return done, err
	})
	if err != nil || refused {
		return false, err
	}
	r.clearPending(pending)
	step.Revocations, step.Then = nil, store.Release
	// Revocations that had expired were trimmed, and not lost.
	step.Lacks, step.Relogin = lost > r.set.swept.Load(), r.options.Load().Relogin
	r.mu.Lock()
	step.Before, step.Skewed = r.before, r.skewed()
	r.mu.Unlock()
	if opens {
		step.Then = store.Open
	}
	return r.mergeStep(ctx, step, lease)
}

// mergeStep calls Merge once, and reports whether the store did it.
func (r *Replica) mergeStep(ctx context.Context, step store.Merge, lease time.Duration) (bool, error) {
	bounded, cancel := context.WithTimeout(ctx, call(lease))
	defer cancel()
	sent := r.clock.Boot()
	r.mu.Lock()
	step.Stale = r.view.turn.stale(sent, lease)
	r.mu.Unlock()
	head, done, err := r.fleet.Merge(bounded, step)
	r.called(OpMerge, err)
	if err != nil {
		return false, fmt.Errorf("restoring the revocation log: %w", err)
	}
	r.applyHead(head, sent)
	return done, nil
}

// publishPending puts on the log the revocations that the replica holds and the log lacks:
// those that the store did not take, and those that it lost while this gate was cut off.
func (r *Replica) publishPending(ctx context.Context, lease time.Duration) error {
	r.mu.Lock()
	pending := r.pending
	r.mu.Unlock()
	_, err := r.eachUnlogged(func(revocations []store.Revocation) (bool, error) {
		bounded, cancel := context.WithTimeout(ctx, call(lease))
		defer cancel()
		_, err := r.store.Append(bounded, r.readable(revocations)...)
		r.called(OpPublish, err)
		if err == nil {
			r.origins.forget(revocations)
		}
		return true, err
	})
	if err != nil {
		return fmt.Errorf("writing revocations that the log lacks: %w", err)
	}
	r.clearPending(pending)
	return nil
}

// clearPending notes that the log has all revocations of the first so many occasions that
// Replica.pending counts.
func (r *Replica) clearPending(pending uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cleared = max(r.cleared, pending)
}

// eachUnlogged calls put for the revocations that the replica holds and the log lacks, as
// many at a time as an entry holds, until put reports false or fails. It returns the
// latest expiry of those that the log of an earlier generation held.
func (r *Replica) eachUnlogged(put func([]store.Revocation) (bool, error)) (lost int64, err error) {
	var rest []store.Revocation
	for part := range parts {
		found := r.set.unlogged(part)
		rest, lost = append(rest, r.origins.describe(found.revocations)...), max(lost, found.lost)
		last := part == parts-1
		for len(rest) >= store.MaxRevocations || last && len(rest) > 0 {
			n := store.Fit(rest)
			if on, err := put(rest[:n]); !on || err != nil {
				return lost, err
			}
			rest = rest[n:]
		}
	}
	return lost, nil
}

// turnWatch observes which gate has the turn to merge.
type turnWatch struct {
	held store.Turn
	// since is the boot time at which an answer first named held. last is the boot time at
	// which the latest call was sent whose answer named it.
	since, last time.Duration
}

// take observes the turn that an answer names.
func (w *turnWatch) take(turn store.Turn, sent, received time.Duration) {
	if w.held != turn {
		w.held, w.since = turn, received
	}
	w.last = sent
}

// others reports whether another gate has the turn, and this one may not take it.
func (w *turnWatch) others(self store.GateID, witness bool) bool {
	return w.held.Gate != 0 && w.held.Gate != self && (w.held.Witness || !witness)
}

// stale returns the count of a turn whose holder has made no progress for half a lease,
// or zero. The store takes the turn away only if the turn still has this count.
func (w *turnWatch) stale(now, lease time.Duration) uint64 {
	if w.held.Gate != 0 && now-w.since >= margin(lease/2) {
		return w.held.Count
	}
	return 0
}

// free reports whether no gate has had the turn for at least this long. A gate that had it
// in between is noticed, because each step of a merge leaves another count.
func (w *turnWatch) free(long time.Duration) bool {
	return w.held.Gate == 0 && w.last-w.since >= long
}

// Bootstrap permits this replica to open a log in repair without a witness, by the word of
// an operator under Options.Manual. The log then has what the present gates hold. Bootstrap
// fails if the log is not in repair. The log opens a moment later, and not before two
// leases after this gate first heard of the loss.
func (r *Replica) Bootstrap() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fleet == nil || r.view.generation == 0 || r.view.state != store.StateRepair {
		return errors.New("bootstrapping: the revocation log is not in repair")
	}
	r.view.permitted = true
	r.repairs.ring()
	return nil
}
