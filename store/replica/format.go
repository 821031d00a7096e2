package replica

import "github.com/sessiongate/sessiongate/store"

// readable returns revocations as every gate of the fleet can read them, for the log. While
// a gate may live that understands format 1 alone, or that is not known, sessions by instant
// are revoked for good, and origins are left out: this refuses more tokens, never fewer.
//
// Fault: a newer gate writes an entry that an older one cannot read. The older gate would
// admit nothing from then on.
func (r *Replica) readable(revocations []store.Revocation) []store.Revocation {
	if r.fleet == nil {
		return revocations
	}
	r.mu.Lock()
	format := r.view.format
	r.mu.Unlock()
	return in(format, revocations)
}

// mergeable is readable for a log in repair. A lost head names format 1 until its heartbeats
// show that no older gate lives. The fleet had its format before the loss, and kept it: a
// loss does not turn revocations by instant into revocations for good.
func (r *Replica) mergeable(revocations []store.Revocation) []store.Revocation {
	r.mu.Lock()
	format := max(r.view.format, r.view.formatBefore)
	r.mu.Unlock()
	return in(format, revocations)
}

// in returns revocations in a format of entries. It does not change its argument.
func in(format uint64, revocations []store.Revocation) []store.Revocation {
	if format >= store.Format {
		return revocations
	}
	written := make([]store.Revocation, len(revocations))
	for i, revocation := range revocations {
		written[i] = revocation.In(max(format, 1))
	}
	return written
}
