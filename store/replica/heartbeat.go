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

// beyond is a number that no log reaches.
const beyond = 1<<53 - 1

// beat sends one heartbeat. Its answer may extend the lease.
func (r *Replica) beat(ctx context.Context) error {
	o := r.options.Load()
	lease := r.lease(o)
	bounded, cancel := context.WithTimeout(ctx, call(lease))
	defer cancel()
	// Invariant 8 (DESIGN): the time is taken before the question is asked.
	q := question{asked: r.clock.Now(), boot: r.clock.Boot()}
	// Rule R12 (DESIGN): a head that was lost gets back the lease that it had, by
	// which others may be admitting.
	beat := store.Heartbeat{
		Gate: r.id, Unlisted: o.Acknowledge == AcknowledgeLease,
		Lease: lease, Retention: o.Retention, Now: q.asked.Wall / int64(time.Second),
	}
	r.mu.Lock()
	if r.view.whole {
		beat.Applied = r.view.at
	}
	if r.view.returned {
		// More than it has: the store begins a generation, as it does for any log that
		// has gone back.
		beat.Applied = store.Position{Generation: r.view.generation, Seq: beyond}
	}
	beat.Count = r.view.count
	beat.Silent = r.view.census.silent(q.boot - r.margin(lease))
	known := r.view.known
	r.mu.Unlock()
	// Rule R5 (DESIGN): by the time that this is sent, every lease of an earlier
	// generation is over.
	beat.Settled = beat.Applied.Generation != 0 && q.boot-known >= r.margin(lease)
	head, err := r.fleet.Heartbeat(bounded, beat)
	if err != nil {
		return fmt.Errorf("sending a heartbeat: %w", err)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.learn(head.Generation, q.boot) {
		return nil
	}
	r.told(head, q.boot)
	r.well(&r.beating)
	// Rule R3 (DESIGN): an answer counts only if the generation that was sent,
	// that came back and that is held now are one.
	if beat.Applied.Generation != head.Generation || head.Count == 0 {
		return nil
	}
	r.view.count, r.view.recorded = head.Count, beat.Applied.Seq
	r.heard.ring()
	r.view.census.note(head.Count, r.clock.Boot(), lease/8)
	if len(head.Gone) > 0 {
		r.awaited.fence(head.Gone, r.clock.Boot())
	}
	for _, id := range head.Gone {
		o.Logger.Warn("a gate has sent no heartbeat for a lease and is not waited for any more", "gate", id)
	}
	// Rule R7 (DESIGN): in repair nobody's lease is extended.
	if head.State != store.StateRepair {
		q.head = head.Seq
		r.answered(q)
	}
	return nil
}
