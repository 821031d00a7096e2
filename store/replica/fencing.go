package replica

import "time"

// fencing measures how long a replica admitted nothing. It runs on the monotonic clock, so a
// suspend of the machine does not count: nobody was refused meanwhile.
type fencing struct {
	until int64 // the monotonic clock up to which total counts
	total int64 // nanoseconds
}

// pass counts the time since the last call, during which the term was t. Call it before the
// term changes.
func (f *fencing) pass(t *term, now Instant) {
	from := f.until
	f.until = max(f.until, now.Monotonic)
	switch {
	case t == nil:
	case t.admit == forever:
		return
	default:
		from = max(from, t.asked.Monotonic+int64(t.admit))
	}
	f.total += max(0, f.until-from)
}

// passFence counts the time for which the replica was fenced, up to now. The caller holds mu,
// and changes the term next.
func (r *Replica) passFence() { r.fencing.pass(r.term.Load(), r.clock.Now()) }

// remaining returns for how long the set is still provably fresh by the present lease: zero
// without one, and with a local store.
func (r *Replica) remaining(boot time.Duration) time.Duration {
	t := r.term.Load()
	if t == nil || t.lease == forever {
		return 0
	}
	return max(0, t.lease-(boot-t.boot))
}
