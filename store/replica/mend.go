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
			wait, err = r.repair(ctx, v, lease)
		case owing:
			err = r.offer(ctx, lease)
		}
		if err != nil && ctx.Err() == nil {
			r.options.Load().Logger.Debug("this gate could not write all of its revocations to the revocation log; it retries", "error", err)
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
// Rule R7: a witness holds all that was ever acknowledged, so that it
// opens the log as soon as it has merged. Without one the log is opened when
// whoever was cut off for less than a lease has had time to merge, and nobody has
// taken the turn for a while: a gate that waits for it hears twice meanwhile that it
// is free.
//
// A gate learns by its heartbeats whose turn it is. It asks for the turn only if it
// has something to merge, or to open the log, and not while it knows that the turn
// is another's: however many gates there are, they do not ask the store in circles.
func (r *Replica) repair(ctx context.Context, v view, lease time.Duration) (time.Duration, error) {
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
		// A turn that was lost is first released, for those who wait for it.
		if !lost && !opens {
			return again, nil
		}
	case !lost && v.turn.others(r.id, v.witness):
		return again, nil
	}
	merged := !v.witness && !v.merged && v.turn.held.Gate != r.id && !r.owes()
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
	r.hear(store.StateOpen, r.view.head)
	r.beats.ring()
	o.Logger.Info("this gate opened the revocation log for the fleet", "witness", v.witness, "revocations", r.set.len())
	return -1, nil
}

// owes reports whether something is held that is not known to be on the log. What is
// on it, another gate may have merged.
func (r *Replica) owes() bool {
	r.mu.Lock()
	owed := r.owed
	r.mu.Unlock()
	owes := false
	_, _ = r.eachUnlogged(func([]store.Revocation) (bool, error) {
		owes = true
		return false, nil
	})
	if !owes {
		r.pay(owed)
	}
	return owes
}

// merge puts everything on the log that is held and not there, and reports
// whether it could: the turn may be another gate's.
func (r *Replica) merge(ctx context.Context, v view, opens bool, lease time.Duration) (bool, error) {
	step := store.Merge{Gate: r.id, Generation: v.generation, Witness: v.witness}
	if done, err := r.mergeStep(ctx, step, lease); !done || err != nil {
		return false, err
	}
	r.mu.Lock()
	behind, owed := r.view.at.Seq < r.view.head, r.owed
	r.mu.Unlock()
	if behind {
		return false, nil // the one who had the turn before has merged the same
	}
	refused := false
	lost, err := r.eachUnlogged(func(revocations []store.Revocation) (bool, error) {
		step.Revocations = revocations
		done, err := r.mergeStep(ctx, step, lease)
		refused = !done
		return done, err
	})
	if err != nil || refused {
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
	return r.mergeStep(ctx, step, lease)
}

// mergeStep is one call of Merge.
func (r *Replica) mergeStep(ctx context.Context, step store.Merge, lease time.Duration) (bool, error) {
	bounded, cancel := context.WithTimeout(ctx, call(lease))
	defer cancel()
	sent := r.clock.Boot()
	r.mu.Lock()
	step.Stale = r.view.turn.stale(sent, lease)
	r.mu.Unlock()
	head, done, err := r.fleet.Merge(bounded, step)
	if err != nil {
		return false, fmt.Errorf("restoring the revocation log: %w", err)
	}
	r.takeUp(head, sent)
	return done, nil
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
		return fmt.Errorf("writing revocations that the log lacks: %w", err)
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

// turnWatch follows whose turn it is to merge.
type turnWatch struct {
	held store.Turn
	// since is the boot time at which an answer first named held, and last the one at
	// which the latest question was sent whose answer did.
	since, last time.Duration
}

// take takes up the turn that an answer names.
func (w *turnWatch) take(turn store.Turn, sent, received time.Duration) {
	if w.held != turn {
		w.held, w.since = turn, received
	}
	w.last = sent
}

// others reports whether the turn is another's, and a gate may not take it.
func (w *turnWatch) others(self store.GateID, witness bool) bool {
	return w.held.Gate != 0 && w.held.Gate != self && (w.held.Witness || !witness)
}

// stale is the count of a turn whose holder has made no progress for half a lease,
// or zero. The store takes the turn away only if that is still its count.
func (w *turnWatch) stale(now, lease time.Duration) uint64 {
	if w.held.Gate != 0 && now-w.since >= margin(lease/2) {
		return w.held.Count
	}
	return 0
}

// free reports whether the turn has been nobody's for at least so long, and nobody
// had it between: each step of a merge leaves another count.
func (w *turnWatch) free(long time.Duration) bool {
	return w.held.Gate == 0 && w.last-w.since >= long
}

// Bootstrap is the operator's word under Manual: the log in repair, for which no
// gate can vouch, may be opened by what the gates that are there hold. It fails if
// the log is not in repair. The log is open a moment later, and not before two
// leases after this gate first heard of its loss.
func (r *Replica) Bootstrap() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fleet == nil || r.view.generation == 0 || r.view.state != store.StateRepair {
		return errors.New("bootstrapping: the revocation log is not in repair")
	}
	r.view.permitted = true
	r.mends.ring()
	return nil
}
