package replica

import "github.com/sessiongate/sessiongate/store"

// readable returns revocations as every gate of the fleet can read them, for the log. While
// a gate may live that understands format 1 alone, sessions up to an instant are revoked for
// good, and origins are left out: this refuses more tokens, never fewer. It does not change
// its argument.
//
// Rule R16: the log has the format of the oldest gate. Fault: a newer gate writes an entry
// that an older one cannot read. The older gate would admit nothing from then on.
func (r *Replica) readable(revocations []store.Revocation) []store.Revocation {
	format := r.format()
	if format >= store.Format {
		return revocations
	}
	written := make([]store.Revocation, len(revocations))
	for i, revocation := range revocations {
		written[i] = revocation.In(format)
	}
	return written
}

// format returns the newest format of entries that every gate of the fleet understands, as
// last heard, and 1 as long as that is not known.
//
// A lost head names 1 until its heartbeats show that no older gate lives, which takes longer
// than a lease. Until then the format of the last open generation counts, too: a loss does not
// turn the revocations up to an instant, which gates put back, into revocations for good.
func (r *Replica) format() uint64 {
	if r.fleet == nil {
		return store.Format
	}
	lease := r.lease(r.options.Load())
	r.mu.Lock()
	defer r.mu.Unlock()
	format := r.view.format
	if r.clock.Boot()-r.view.known < 2*r.margin(lease)+r.view.lag {
		format = max(format, r.view.formatBefore)
	}
	return min(max(format, 1), store.Format)
}
