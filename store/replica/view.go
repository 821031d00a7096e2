package replica

import (
	"math"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// view is what a replica knows of the present generation of the log.
type view struct {
	generation store.Generation
	// known is the boot time at which the replica first heard of it.
	known time.Duration
	// witness says that the lease was still good then: what the replica held is
	// all that was ever acknowledged.
	witness bool
	state   store.State
	// lag is the head's, with a margin: for how long a store that was replaced when
	// this generation began may still have given leases.
	lag time.Duration
	// head is the last sequence number that the store was heard to name, and heard the
	// boot time at which that or the state was new.
	head  uint64
	heard time.Duration

	// at is the position up to which entries were applied; zero to begin anew.
	at store.Position
	// whole says that everything from the beginning up to some head was applied, and held
	// that the set lacked nothing already when the reading began.
	whole, held bool

	questions []question
	census    census
	// count is that of the last heartbeat which the store recorded, and recorded what
	// it said to have applied.
	count, recorded uint64
	// returned says that the store was further on already than it is, by its
	// generation, its state or its head.
	returned bool
	// merged says that everything held was put on the log while in repair.
	merged bool
	// permitted says that the operator lets the log be opened without a witness.
	permitted bool
	// turn is who merges.
	turn turnWatch
	// gates is how many are on the list, and unlisted says that others may be
	// admitting, as far as it was heard.
	gates    int
	unlisted bool
	// beaten says that a heartbeat was answered in this generation.
	beaten bool
	// granted is the boot time at which the present lease of the fleet was first
	// heard of in this generation.
	granted time.Duration
	// anew says that the log is read again because the set has forgotten by a clock
	// that was ahead.
	anew bool
}

// untold is the lag before a head has told it: longer than anything lasts.
const untold = forever / 4

// alone is the boot time at which every lease of an earlier generation is over,
// also if another store gave it, which was replaced and went on for a while. The
// caller holds mu.
func (r *Replica) alone(lease time.Duration) time.Duration {
	return r.view.known + r.margin(lease) + r.view.lag
}

// learn takes up the generation that an answer names and reports whether the
// answer counts. It was sent at the boot time sent. The caller holds mu.
//
// An answer to a question from before the present generation was known may still
// name the one before, and does not count. A generation that comes back all the same is
// that of a store that has gone back: what the later one held is missing.
func (r *Replica) learn(generation store.Generation, sent time.Duration) bool {
	before := r.view.generation
	if generation == before {
		return true
	}
	if before != 0 && sent < r.view.known {
		return false
	}
	o := r.options.Load()
	now := r.clock.Boot()
	witness := before != 0 && r.leased()
	if before != 0 && r.synced {
		r.before = max(1, r.before)
		switch {
		case r.view.unlisted:
			r.before = math.MaxInt32 // gates that are on no list are never all there
		case r.view.gates > 0 && r.view.state >= store.StateOpen:
			r.before = r.view.gates
		}
	}
	r.view = view{
		generation: generation,
		known:      now,
		witness:    witness,
		state:      store.StateRepair,
		lag:        untold,
		turn:       turnWatch{since: now},
		returned:   r.past[generation],
	}
	if before != 0 {
		r.past[before] = true
		r.beats.ring()
		r.restart()
		o.Logger.Error("the revocation log has a new generation; this gate reads all of it, and keeps the revocations that it holds", "witness", witness, "revocations", r.set.len())
	}
	return true
}

// leased reports whether this gate admits: its set lacks nothing that was acknowledged.
// It is judged by the lease that it was granted, not by the present one.
func (r *Replica) leased() bool {
	t := r.term.Load()
	return t != nil && t.good(r.clock.Now(), t.lease, r.clock)
}

// restart has the log read from its beginning. Nothing is extended until that is
// done. The caller holds mu.
//
// Invariant 2: what is held stays held.
func (r *Replica) restart() {
	r.view.held = r.leased()
	r.view.at, r.view.whole, r.view.merged = store.Position{}, false, false
	r.view.questions = nil
	r.owed++ // the log may lack what is held
	r.set.unmark()
	r.interrupt()
}

// takeUp takes up a head that was asked for at the boot time sent, and reports
// whether the answer counts.
func (r *Replica) takeUp(head store.Head, sent time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.learn(head.Generation, sent) {
		return false
	}
	r.told(head, sent)
	return true
}

// told takes up what a head says about the generation held, that was asked for at
// the boot time sent. The caller holds mu.
func (r *Replica) told(head store.Head, sent time.Duration) {
	if sent > r.view.heard && (head.State < r.view.state || head.Seq < r.view.head) {
		r.view.returned = true
		r.beats.ring()
	}
	r.hear(head.State, head.Seq)
	r.view.gates, r.view.unlisted = head.Live, head.Unlisted
	r.view.lag = margin(head.Lag)
	r.view.turn.take(head.Turn, sent, r.clock.Boot())
	r.agree(head)
}

// hear takes up a state and the number of a head, neither of which ever goes back in one
// generation. The caller holds mu.
func (r *Replica) hear(state store.State, head uint64) {
	if state > r.view.state {
		r.mends.ring()
	}
	if state > r.view.state || head > r.view.head {
		r.view.state, r.view.head = max(r.view.state, state), max(r.view.head, head)
		r.view.heard = r.clock.Boot()
	}
}

// agree takes up what the whole fleet goes by. The caller holds mu.
//
// Rule R12: the lease is the fleet's. A gate with another in its configuration says
// so, and uses it.
func (r *Replica) agree(head store.Head) {
	o := r.options.Load()
	// A head that was lost is told first of the lease that it had.
	known := time.Duration(r.fleetLease.Load())
	if head.Lease > 0 && head.Lease != known && (r.view.beaten || head.Lease > known) {
		r.fleetLease.Store(int64(head.Lease))
		r.view.granted = r.clock.Boot()
		if head.Lease != o.Lease {
			o.Logger.Warn("this gate is configured with another lease than the fleet has; it uses the fleet's. To change the fleet's, run caddy session-gate lease",
				"lease", head.Lease, "configured", o.Lease)
		}
	}
	r.longest.Store(max(r.longest.Load(), int64(head.Lease), int64(head.Longest)))
	before := time.Duration(r.retention.Load())
	r.retained(head.Retention)
	if before > 0 && head.Retention > before && head.State == store.StateRepair {
		// The head may have been lost, and who made it anew does not know of before. The
		// head of an open log was told: a gate that was away tells it nothing.
		head.Forgotten = max(head.Forgotten, r.purged-int64(before/time.Second))
	}
	if r.fleet != nil { // a store of this machine's own says it with what is read
		r.bound(head.Bounds)
	}
}
