package replica

import (
	"math"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// view is what a replica knows about the present generation of the log.
type view struct {
	generation store.Generation
	// known is the boot time at which the replica first heard of the generation.
	known time.Duration
	// witness reports whether the lease was still good then, so that the replica held
	// every revocation that was ever acknowledged.
	witness bool
	state   store.State
	// lag is that of the head, with a margin: how long a store that was replaced when this
	// generation began may still have granted leases.
	lag time.Duration
	// head is the highest sequence number that the store has named. heard is the boot time
	// at which it, or the state, was new.
	head  uint64
	heard time.Duration

	// at is the position up to which entries are applied. Zero reads the log from its
	// beginning.
	at store.Position
	// whole reports whether the log is applied from its beginning up to some head. held
	// reports whether the set already lacked nothing when that reading began.
	whole, held bool

	questions []question
	census    census
	// count is the count of the last heartbeat that the store recorded. recorded is the
	// number of the entry up to which that heartbeat said that the log is applied.
	count, recorded uint64
	// returned reports whether the store has gone back: its generation, its state or its
	// head is an earlier one than it named before.
	returned bool
	// merged reports whether the replica has put everything that it holds on the log while
	// in repair.
	merged bool
	// permitted reports whether an operator lets the log be opened without a witness.
	permitted bool
	// turn observes which gate merges.
	turn turnWatch
	// gates is how many gates are on the list. unlisted reports whether other gates may be
	// admitting. Both are as last heard.
	gates    int
	unlisted bool
	// format is the newest format of entries that every gate understands, as last heard.
	// formatBefore is that of the last generation that was open.
	format, formatBefore uint64
	// heartbeatAnswered reports whether the store has answered a heartbeat in this
	// generation.
	heartbeatAnswered bool
	// granted is the boot time at which this generation first named the present lease of
	// the fleet.
	granted time.Duration
	// reread reports whether the log is read again because the set has forgotten
	// revocations by a clock that was ahead.
	reread bool
}

// unknownLag is the lag before a head has named it: longer than any wait.
const unknownLag = forever / 4

// alone returns the boot time at which every lease of an earlier generation has expired,
// also a lease of a store that was replaced and went on for a while. The caller holds mu.
func (r *Replica) alone(lease time.Duration) time.Duration {
	return r.view.known + r.margin(lease) + r.view.lag
}

// observeGeneration notes the generation that an answer names, and reports whether the
// answer counts. The call was sent at the boot time sent. The caller holds mu.
//
// An answer does not count if its call was sent before the present generation was known:
// it may name an earlier one. If a later call names an earlier generation, the store has
// gone back, and lacks the entries of the later generation.
func (r *Replica) observeGeneration(generation store.Generation, sent time.Duration) bool {
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
			r.before = math.MaxInt32 // unknown when all unlisted gates are back
		case r.view.gates > 0 && r.view.state >= store.StateOpen:
			r.before = r.view.gates
		}
	}
	format := r.view.formatBefore
	if r.view.state >= store.StateOpen {
		format = r.view.format
	}
	r.view = view{
		generation: generation,
		known:      now,
		witness:    witness,
		state:      store.StateRepair,
		lag:        unknownLag,
		turn:       turnWatch{since: now},
		returned:   r.past[generation],

		formatBefore: format,
	}
	if before != 0 {
		r.past[before] = true
		r.beats.ring()
		r.restart()
		r.repaired(RepairGeneration)
		o.Logger.Error("the revocation log has a new generation; this gate reads all of it, and keeps the revocations that it holds", "witness", witness, "revocations", r.set.len())
	}
	return true
}

// leased reports whether the lease of this gate is good, so that its set lacks nothing that
// was acknowledged. What counts is the lease that it was granted, not the present one.
func (r *Replica) leased() bool {
	t := r.term.Load()
	return t != nil && t.good(r.clock.Now(), t.lease, r.clock)
}

// restart makes the replica read the log from its beginning. No lease is extended until
// that is done. The caller holds mu.
//
// Invariant 2: the set keeps the revocations that it holds.
func (r *Replica) restart() {
	r.view.held = r.leased()
	r.view.at, r.view.whole, r.view.merged = store.Position{}, false, false
	r.view.questions = nil
	r.pending++ // the log may lack revocations of the set
	r.set.unmark()
	r.interrupt()
}

// applyHead observes the head that the answer to a call names, which was sent at the boot
// time sent. It reports whether the answer counts.
func (r *Replica) applyHead(head store.Head, sent time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.observeGeneration(head.Generation, sent) {
		return false
	}
	r.observe(head, sent)
	return true
}

// observe notes what a head of the present generation says. The call for it was sent at the
// boot time sent. The caller holds mu.
func (r *Replica) observe(head store.Head, sent time.Duration) {
	if sent > r.view.heard && (head.State < r.view.state || head.Seq < r.view.head) {
		r.view.returned = true
		r.beats.ring()
	}
	r.advance(head.State, head.Seq)
	r.view.gates, r.view.unlisted = head.Live, head.Unlisted
	r.view.format = head.Format
	r.view.lag = margin(head.Lag)
	r.view.turn.take(head.Turn, sent, r.clock.Boot())
	r.adoptFleetSettings(head)
}

// advance notes the state and the number of a head. Neither goes back within a generation.
// The caller holds mu.
func (r *Replica) advance(state store.State, head uint64) {
	if state > r.view.state {
		r.repairs.ring()
	}
	if state > r.view.state || head > r.view.head {
		r.view.state, r.view.head = max(r.view.state, state), max(r.view.head, head)
		r.view.heard = r.clock.Boot()
	}
}

// adoptFleetSettings adopts the lease, the retention and the bounds of the fleet. The
// caller holds mu.
//
// Rule R12: the lease is the fleet's. A gate that is configured with another one logs that,
// and uses the fleet's.
func (r *Replica) adoptFleetSettings(head store.Head) {
	o := r.options.Load()
	// After a loss, a heartbeat first tells the new head the lease of the old one.
	known := time.Duration(r.fleetLease.Load())
	if head.Lease > 0 && head.Lease != known && (r.view.heartbeatAnswered || head.Lease > known) {
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
		// The head may have been lost, and the gate that made the new one may not know the
		// retention from before. The head of an open log knows it.
		head.Forgotten = max(head.Forgotten, r.purged-int64(before/time.Second))
	}
	if r.fleet != nil { // a local store names its bounds with the entries of a read
		r.bound(head.Bounds)
	}
}
