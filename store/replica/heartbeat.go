package replica

import (
	"context"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// heartbeat sends heartbeats until ctx ends, one at a time: every quarter of the lease, and
// after each batch that was applied. A heartbeat tells the store that this gate is live,
// and what it has applied.
func (r *Replica) heartbeat(ctx context.Context) {
	var delay time.Duration
	for ctx.Err() == nil {
		sent := r.clock.Boot()
		err := r.beat(ctx)
		lease := r.lease(r.options.Load())
		if err != nil && ctx.Err() == nil {
			r.mu.Lock()
			r.failed(&r.beating, err)
			r.mu.Unlock()
			delay = backoff(delay, lease)
			pause(ctx, delay)
			continue
		}
		delay = 0
		r.beats.wait(ctx, max(0, lease/4-(r.clock.Boot()-sent)))
	}
}

// beyond is a sequence number that no log reaches.
const beyond = 1<<53 - 1

// beat sends one heartbeat. Its answer may extend the lease.
func (r *Replica) beat(ctx context.Context) error {
	o := r.options.Load()
	lease := r.lease(o)
	bounded, cancel := context.WithTimeout(ctx, call(lease))
	defer cancel()
	// Invariant 8: the gate takes the time before it sends the heartbeat.
	q := question{asked: r.clock.Now(), boot: r.clock.Boot()}
	r.mu.Lock()
	beat := store.Heartbeat{
		Gate: r.id, Unlisted: o.Acknowledge == AcknowledgeLease, Format: store.Format,
		Lease: lease, Retention: r.Retention(), Margin: o.Margin, Skew: o.Skew, Leeway: o.Leeway, Bounds: r.bounds,
		Count: r.view.count, Now: q.asked.Wall / int64(time.Second),
	}
	beat.Bounds.Swept = r.purged
	if r.view.whole {
		beat.Applied = r.view.at
	}
	if r.view.merged && r.view.state == store.StateRepair {
		beat.Merged = r.before
	}
	if r.view.returned {
		// Claim more than the store has: it then begins a new generation, as for every log
		// that has gone back.
		beat.Applied = store.Position{Generation: r.view.generation, Seq: beyond}
	}
	// If this store was replaced, a silent gate may have a lease of the new store. Wait
	// for it until this store no longer answers.
	beat.Silent = r.view.census.silent(q.boot - r.margin(lease) - r.view.lag)
	known, granted, asking := r.view.known, r.view.granted, r.view.generation
	longest := time.Duration(r.longest.Load())
	if !r.view.heartbeatAnswered {
		// After a loss, tell the head the longest lease from before: other gates may be
		// admitting by it.
		beat.Longest = longest
	}
	// Two failovers may follow one another. A gate with a lease of the first store is then a
	// witness at the third, and is not listed here, until this second store stops answering.
	alone := r.alone(lease) + r.view.lag
	r.mu.Unlock()
	// Rule R5: when this heartbeat is sent, every lease of an earlier generation has expired,
	// and every store that was replaced has stopped.
	beat.Settled, beat.Waited = beat.Applied.Generation != 0 && q.boot >= alone, longest
	beat.Shortened = beat.Applied.Generation != 0 && lease < longest && q.boot-max(granted, known) >= margin(longest)
	head, err := r.fleet.Heartbeat(bounded, beat)
	r.called(OpHeartbeat, err)
	if err != nil {
		return fmt.Errorf("sending a heartbeat: %w", err)
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.observeGeneration(head.Generation, q.boot) {
		return nil
	}
	if r.view.generation == asking || asking == 0 {
		r.longest.Store(int64(max(head.Longest, head.Lease)))
		if !r.view.heartbeatAnswered {
			r.view.heartbeatAnswered = true
			r.repairs.ring()
		}
	}
	r.observe(head, q.boot)
	r.clocks.observe(head.Now, q.asked, q.boot, r.clock.Now().Wall)
	r.recovered(&r.beating)
	r.alarm()
	if head.State != store.StateRepair && r.unsweep(head.Now) {
		return nil
	}
	// Rule R3: an answer counts only if the generation that was sent, the generation that
	// the answer names, and the one that the gate holds now are the same.
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
		o.Logger.Warn("a gate has sent no heartbeat for a lease; revocations no longer wait for it", "gate", id)
	}
	// Rule R7: in repair no lease is extended.
	if head.State != store.StateRepair {
		q.head, q.lease = head.Seq, head.Lease
		r.answered(q)
	}
	return nil
}
