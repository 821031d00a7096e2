package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// mend puts on the log what is held here and not there, until ctx ends: into a
// log in repair by merging, and otherwise as any revocation.
func (r *Replica) mend(ctx context.Context) {
	var turn turnWatch
	var delay time.Duration
	for ctx.Err() == nil {
		lease := r.lease(r.options.Load())
		r.mu.Lock()
		v, owing := r.view, r.owed != r.paid
		r.mu.Unlock()
		var err error
		wait := time.Duration(-1)
		switch {
		case !v.whole || v.at.Seq < v.head:
			// What is not read yet may be what another gate has just put there.
		case v.state == store.StateRepair && r.fleet != nil && !v.beaten:
			// A log is opened by whoever has said what he knows of the fleet.
			r.beats.ring()
		case v.state == store.StateRepair && r.fleet != nil:
			wait, err = r.repair(ctx, v, &turn, lease)
		case owing:
			err = r.offer(ctx, lease)
		}
		if err != nil && ctx.Err() == nil {
			r.options.Load().Logger.Debug("what the log lacks is not on it yet", "error", err)
			delay = backoff(delay, lease)
			pause(ctx, delay)
			continue
		}
		delay = 0
		r.mends.wait(ctx, wait)
	}
}

// repair merges what is held here into a log in repair, and opens it, when it is
// time for either. It returns after how long to try again.
//
// Rule R7 (DESIGN): a witness holds all that was ever acknowledged, so that it
// opens the log as soon as it has merged. Without one the log is opened when
// whoever was cut off for less than a lease has had time to merge, and nobody has
// taken the turn for a while: a gate that waits for it asks far more often.
func (r *Replica) repair(ctx context.Context, v view, turn *turnWatch, lease time.Duration) (time.Duration, error) {
	o := r.options.Load()
	known := r.clock.Boot() - v.known
	r.mu.Lock()
	_, now := r.times()
	v.witness = v.witness && !r.overswept(r.purged, now)
	r.mu.Unlock()
	again := lease / 16
	if !v.witness && known < r.margin(lease) {
		return min(again, r.margin(lease)-known), nil
	}
	lost := false
	if v.merged && !v.witness {
		if err := r.lookAtTurn(ctx, turn, lease); err != nil {
			return again, err
		}
		now := r.clock.Boot()
		due := known >= max(2*r.margin(lease), v.lag) && (!o.Manual || v.permitted)
		lost = turn.stale(now, margin(lease/2)) != 0
		if !lost && (!due || !turn.free(now, lease/2)) {
			return again, nil
		}
	}
	// A turn that was lost is first released, for those who wait for it.
	opens := v.witness || v.merged && !lost
	merged, err := r.merge(ctx, v, turn, opens, lease)
	if err != nil || !merged {
		return again, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.view.generation != v.generation {
		return 0, nil
	}
	r.view.merged = true
	if !opens {
		return again, nil
	}
	r.view.state = max(r.view.state, store.StateOpen)
	r.beats.ring()
	o.Logger.Info("the log is whole again and open", "witness", v.witness, "revocations", r.set.len())
	return -1, nil
}

// merge puts everything on the log that is held and not there, and reports
// whether it could: the turn may be another gate's.
func (r *Replica) merge(ctx context.Context, v view, turn *turnWatch, opens bool, lease time.Duration) (bool, error) {
	step := store.Merge{Gate: r.id, Generation: v.generation, Witness: v.witness}
	turn.refused = false
	if done, err := r.mergeStep(ctx, step, turn, lease); !done || err != nil {
		return false, err
	}
	r.mu.Lock()
	behind, owed := r.view.at.Seq < r.view.head, r.owed
	r.mu.Unlock()
	if behind {
		return false, nil // the one who had the turn before has merged the same
	}
	lost, err := r.eachUnlogged(func(revocations []store.Revocation) (bool, error) {
		step.Revocations = revocations
		return r.mergeStep(ctx, step, turn, lease)
	})
	if err != nil || turn.refused {
		return false, err
	}
	r.pay(owed)
	step.Revocations, step.Then = nil, store.Release
	// What had expired was trimmed, and not lost.
	step.Lacks, step.Relogin = lost > r.set.swept.Load(), r.options.Load().Relogin
	r.mu.Lock()
	step.Before, step.Skewed = r.before, r.skewed()
	r.mu.Unlock()
	if opens {
		step.Then = store.Open
	}
	return r.mergeStep(ctx, step, turn, lease)
}

// mergeStep is one call of Merge.
func (r *Replica) mergeStep(ctx context.Context, step store.Merge, turn *turnWatch, lease time.Duration) (bool, error) {
	bounded, cancel := context.WithTimeout(ctx, call(lease))
	defer cancel()
	sent := r.clock.Boot()
	step.Stale = turn.stale(sent, margin(lease/2))
	head, done, err := r.fleet.Merge(bounded, step)
	if err != nil {
		return false, fmt.Errorf("merging: %w", err)
	}
	r.takeUp(head, sent)
	turn.refused = !done
	turn.take(head, r.clock.Boot())
	return done, nil
}

// lookAtTurn takes up whose turn it is.
func (r *Replica) lookAtTurn(ctx context.Context, turn *turnWatch, lease time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, call(lease))
	defer cancel()
	sent := r.clock.Boot()
	head, err := r.fleet.Look(bounded)
	if err != nil {
		return fmt.Errorf("looking whose turn it is: %w", err)
	}
	if r.takeUp(head, sent) {
		turn.take(head, r.clock.Boot())
	}
	return nil
}

// offer puts on the log what is held here and not there: revocations that the
// store did not take, and those that it lost while this gate was cut off.
func (r *Replica) offer(ctx context.Context, lease time.Duration) error {
	r.mu.Lock()
	owed := r.owed
	r.mu.Unlock()
	_, err := r.eachUnlogged(func(revocations []store.Revocation) (bool, error) {
		bounded, cancel := context.WithTimeout(ctx, call(lease))
		defer cancel()
		_, err := r.store.Append(bounded, revocations...)
		return true, err
	})
	if err != nil {
		return fmt.Errorf("offering what the log lacks: %w", err)
	}
	r.pay(owed)
	return nil
}

// pay notes that everything was put on the log that was owed when so many
// occasions had been counted.
func (r *Replica) pay(owed uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paid = max(r.paid, owed)
}

// eachUnlogged calls put for the revocations that are held and not on the log, as
// many at a time as an entry holds, until it reports false or fails. It returns the
// latest expiry of those that an earlier generation's log held.
func (r *Replica) eachUnlogged(put func([]store.Revocation) (bool, error)) (lost int64, err error) {
	var rest []store.Revocation
	for part := range parts {
		found := r.set.unlogged(part)
		rest, lost = append(rest, found.revocations...), max(lost, found.lost)
		last := part == parts-1
		for len(rest) >= store.MaxRevocations || last && len(rest) > 0 {
			n := min(len(rest), store.MaxRevocations)
			if on, err := put(rest[:n]); !on || err != nil {
				return lost, err
			}
			rest = rest[n:]
		}
	}
	return lost, nil
}

// turnWatch finds out when the holder of the turn makes no progress.
type turnWatch struct {
	held    store.Turn
	since   time.Duration
	refused bool
}

// take takes up the turn that a head names, received at the boot time now.
func (w *turnWatch) take(head store.Head, now time.Duration) {
	if w.held != head.Turn {
		w.held, w.since = head.Turn, now
	}
}

// stale is the count of a turn that has not changed for longer than wait, or
// zero.
func (w *turnWatch) stale(sent, wait time.Duration) uint64 {
	if w.held.Gate != 0 && sent-w.since >= wait {
		return w.held.Count
	}
	return 0
}

// free reports whether the turn has been nobody's for at least so long.
func (w *turnWatch) free(now, long time.Duration) bool {
	return w.held == (store.Turn{}) && now-w.since >= long
}

// Bootstrap is the operator's word under Manual: the log in repair, for which no
// gate can vouch, may be opened by what the gates that are there hold. It fails if
// the log is not in repair. The log is open a moment later, and not before two
// leases after this gate first heard of its loss.
func (r *Replica) Bootstrap() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fleet == nil || r.view.generation == 0 || r.view.state != store.StateRepair {
		return errors.New("bootstrapping: the log is not in repair")
	}
	r.view.permitted = true
	r.mends.ring()
	return nil
}
