package replica

import (
	"math"
	"time"
)

// forever is the length of the lease on a store that is this machine's own.
const forever = time.Duration(math.MaxInt64)

// term is one lease. It is replaced, never changed, so that a check reads it
// whole without a lock.
type term struct {
	// asked and boot are the moment before the question whose answer gave it.
	//
	// Invariant 8: not the moment of the answer, which may have been on
	// its way for long.
	asked Instant
	boot  time.Duration
	// lease is for how long the set is provably fresh, and admit for how long it
	// is admitted by: the same, but under a staleness that the operator allows.
	lease, admit time.Duration
}

// good reports whether less than length has passed since the term's question.
//
// Rule R1: what counts is boot time. Reading it is a system call, so it
// is read only if the wall clock and the monotonic one no longer agree: a suspend
// sets them apart by its length, and so does whoever sets the wall clock. What
// they may differ by unnoticed is within the margin that every wait adds.
//
// Invariant 8: setting the wall clock costs a system call a check until
// the next heartbeat, and changes no decision.
func (t *term) good(now Instant, length time.Duration, clock Clock) bool {
	if t == nil {
		return false
	}
	if length == forever {
		return true
	}
	elapsed := now.Monotonic - t.asked.Monotonic
	if elapsed >= int64(length) {
		return false
	}
	apart := now.Wall - t.asked.Wall - elapsed
	if slack := int64(t.lease) / 200; apart < slack && -apart < slack {
		return true
	}
	return clock.Boot()-t.boot < length
}

// margin is how long one has to wait until a lease of this length is over on
// another machine's clock, where both clocks may be off by one percent.
//
// Rule R1.
func margin(lease time.Duration) time.Duration { return lease + lease*3/100 }

// margin is how long to wait until every lease of the fleet is over that was
// given before: this one, or a longer one that the fleet had earlier.
//
// Rule R12. Safe for concurrent use.
func (r *Replica) margin(lease time.Duration) time.Duration {
	return margin(max(lease, time.Duration(r.longest.Load())))
}

// question is a heartbeat that was answered with a head that the replica had not
// applied yet.
type question struct {
	asked Instant
	boot  time.Duration
	head  uint64
	lease time.Duration // that the answer granted
}

// maxQuestions bounds the answered heartbeats that wait for the log.
const maxQuestions = 16

// answered takes up the answer to a heartbeat that was asked at q: as soon as
// everything up to its head is applied, the set is as fresh as the question. The
// caller holds mu.
func (r *Replica) answered(q question) {
	if len(r.view.questions) == maxQuestions {
		// The older ones will be satisfied first, and make room.
		r.view.questions[maxQuestions-1] = q
	} else {
		r.view.questions = append(r.view.questions, q)
	}
	r.claim()
}

// claim extends the lease by the latest question whose head is applied. The
// caller holds mu.
//
// Rule R9: entries are applied first, and then the lease is extended.
func (r *Replica) claim() {
	satisfied := 0
	for satisfied < len(r.view.questions) && r.view.questions[satisfied].head <= r.view.at.Seq {
		satisfied++
	}
	if satisfied == 0 {
		return
	}
	q := r.view.questions[satisfied-1]
	r.view.questions = append(r.view.questions[:0], r.view.questions[satisfied:]...)
	r.extend(&term{asked: q.asked, boot: q.boot, lease: q.lease, admit: max(q.lease, r.options.Load().MaxStaleness)})
}

// extend publishes a term. The caller holds mu.
func (r *Replica) extend(t *term) {
	if r.closed {
		return
	}
	if held := r.term.Load(); held == nil || held.boot <= t.boot {
		r.term.Store(t)
	}
	if !r.synced {
		r.synced = true
		close(r.arrived)
	}
}

// lease is the length of a lease: the fleet's, whatever this gate is configured
// to, once the store has told it.
//
// Rule R12. Safe for concurrent use.
func (r *Replica) lease(o *Options) time.Duration {
	if fleet := time.Duration(r.fleetLease.Load()); fleet > 0 {
		return fleet
	}
	return o.Lease
}
