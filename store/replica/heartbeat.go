package replica

import (
	"context"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// heartbeat tells the store that this gate is there and what it has applied, one
// heartbeat at a time: every quarter of the lease, and whenever a batch was
// applied, until ctx ends.
func (r *Replica) heartbeat(ctx context.Context) {
	var delay time.Duration
	for ctx.Err() == nil {
		sent := r.clock.Boot()
		err := r.beat(ctx)
		lease := r.lease(r.options.Load())
		if err != nil && ctx.Err() == nil {
			r.mu.Lock()
			r.fail(&r.beating, err)
			r.mu.Unlock()
			delay = backoff(delay, lease)
			pause(ctx, delay)
			continue
		}
		delay = 0
		r.beats.wait(ctx, max(0, lease/4-(r.clock.Boot()-sent)))
	}
}

// beat sends one heartbeat. Its answer may extend the lease.
func (r *Replica) beat(ctx context.Context) error {
	o := r.options.Load()
	lease := r.lease(o)
	bounded, cancel := context.WithTimeout(ctx, call(lease))
	defer cancel()
	r.mu.Lock()
	beat := store.Heartbeat{
		Gate: r.id, Lease: lease, Retention: r.Retention(), Margin: o.Margin, Skew: o.Skew, Leeway: o.Leeway, Bounds: r.bounds,
	}
	if r.view.whole {
		beat.Applied = r.view.at
	}
	known, granted, asking := r.view.known, r.view.granted, r.view.generation
	longest := time.Duration(r.longest.Load())
	if !r.view.beaten {
		// A head that was lost gets back the lease that it had, by which others may be
		// admitting.
		beat.Longest = longest
	}
	// Two failovers may follow one another: a gate with a lease of the first store is a
	// witness at the third and is not listed here, until this one answers no more.
	alone := r.alone(lease) + r.view.lag
	r.mu.Unlock()

	// Invariant 8 (DESIGN): the time is taken before the question is asked.
	q := question{asked: r.clock.Now(), boot: r.clock.Boot()}
	// Rule R5 (DESIGN): by the time that this is sent, every lease of an earlier
	// generation is over, and so is every store that was replaced.
	beat.Settled, beat.Waited = beat.Applied.Generation != 0 && q.boot >= alone, longest
	beat.Shortened = beat.Applied.Generation != 0 && lease < longest && q.boot-max(granted, known) >= margin(longest)
	head, err := r.fleet.Heartbeat(bounded, beat)
	if err != nil {
		return fmt.Errorf("sending a heartbeat: %w", err)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.learn(head.Generation, q.boot) {
		return nil
	}
	if r.view.generation == asking || asking == 0 {
		r.longest.Store(int64(max(head.Longest, head.Lease)))
		if !r.view.beaten {
			r.view.beaten = true
			r.mends.ring()
		}
	}
	r.told(head)
	r.clocks.heard(head.Now, q.asked, q.boot, r.clock.Now().Wall)
	r.well(&r.beating)
	r.alarm()
	if head.State != store.StateRepair && r.unsweep(head.Now) {
		return nil
	}
	// Rule R3 (DESIGN): an answer counts only if the generation that was sent,
	// that came back and that is held now are one.
	if beat.Applied.Generation != head.Generation || head.Count == 0 {
		return nil
	}
	r.view.count = head.Count
	// Rule R7 (DESIGN): in repair nobody's lease is extended.
	if head.State != store.StateRepair {
		q.head, q.lease = head.Seq, head.Lease
		r.answered(q)
	}
	return nil
}
