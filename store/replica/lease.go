package replica

import (
	"math"
	"time"
)

// forever is the length of the lease on a local store, which no other machine uses.
const forever = time.Duration(math.MaxInt64)

// term is one lease. It is replaced, never changed, so that Check reads all of it without a
// lock.
type term struct {
	// asked and boot are the moment before the heartbeat was sent whose answer granted the
	// lease.
	//
	// Invariant 8: it is not the moment of the answer, which may have been delayed for long.
	asked Instant
	boot  time.Duration
	// lease is how long the set is provably fresh. admit is how long the replica admits by
	// it: the same, or Options.MaxStaleness if that is longer.
	lease, admit time.Duration
}

// good reports whether less than length has passed since the heartbeat of the term.
//
// Rule R1: boot time counts. Reading it is a system call. So good reads it only if the wall
// clock and the monotonic clock no longer agree: a suspend moves them apart by its length,
// and so does setting the wall clock. A smaller difference is within the margin that every
// wait adds.
//
// Invariant 8: setting the wall clock changes no decision. It costs each check a system call
// until the next heartbeat.
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

// margin returns how long to wait until a lease of this length has expired on another
// machine, if the clocks of both may be off by one percent.
//
// Rule R1.
func margin(lease time.Duration) time.Duration { return lease + lease*3/100 }

// margin returns how long to wait until every lease has expired that the fleet granted
// before: a lease of this length, or a longer one that the fleet had earlier.
//
// Rule R12. Safe for concurrent use.
func (r *Replica) margin(lease time.Duration) time.Duration {
	return margin(max(lease, time.Duration(r.longest.Load())))
}

// question is an answered heartbeat. It extends the lease once the replica has applied the
// log up to head.
type question struct {
	asked Instant
	boot  time.Duration
	head  uint64
	lease time.Duration // the lease that the answer granted
}

// maxQuestions bounds the questions that wait until their head is applied.
const maxQuestions = 16

// answered adds an answered heartbeat. As soon as the log is applied up to its head, the set
// is as fresh as the moment before the heartbeat was sent. The caller holds mu.
func (r *Replica) answered(q question) {
	if len(r.view.questions) == maxQuestions {
		// The older questions are satisfied first, and make room.
		r.view.questions[maxQuestions-1] = q
	} else {
		r.view.questions = append(r.view.questions, q)
	}
	r.extendLease()
}

// extendLease extends the lease by the latest question whose head is applied. The caller holds mu.
//
// Rule R9: the replica applies entries first, and then extends the lease.
func (r *Replica) extendLease() {
	satisfied := 0
	for satisfied < len(r.view.questions) && r.view.questions[satisfied].head <= r.view.at.Seq {
		satisfied++
	}
	if satisfied == 0 {
		return
	}
	q := r.view.questions[satisfied-1]
	r.view.questions = append(r.view.questions[:0], r.view.questions[satisfied:]...)
	r.storeTerm(&term{asked: q.asked, boot: q.boot, lease: q.lease, admit: max(q.lease, r.options.Load().MaxStaleness)})
}

// storeTerm stores a term, unless the replica has a later one or is closed. The caller holds mu.
func (r *Replica) storeTerm(t *term) {
	if r.closed {
		return
	}
	if held := r.term.Load(); held == nil || held.boot <= t.boot {
		r.passFence()
		r.term.Store(t)
	}
	if !r.synced {
		r.synced = true
		close(r.arrived)
	}
}

// lease returns the length of a lease: that of the fleet once the store has named it, and
// the configured one before.
//
// Rule R12. Safe for concurrent use.
func (r *Replica) lease(o *Options) time.Duration {
	if fleet := time.Duration(r.fleetLease.Load()); fleet > 0 {
		return fleet
	}
	return o.Lease
}
