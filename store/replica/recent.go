package replica

import (
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// recent remembers since when the revocations are held that came from the log
// lately. Those that it does not know are held for longer.
type recent struct {
	since map[store.Key]time.Duration
	order []noted
}

type noted struct {
	key   store.Key
	since time.Duration
}

// note remembers a key that came at the boot time now.
func (c *recent) note(k store.Key, now time.Duration) {
	if _, known := c.since[k]; known {
		return
	}
	if c.since == nil {
		c.since = make(map[store.Key]time.Duration)
	}
	c.since[k] = now
	c.order = append(c.order, noted{k, now})
}

// forget drops what is held since before a boot time.
func (c *recent) forget(before time.Duration) {
	n := 0
	for n < len(c.order) && c.order[n].since < before {
		delete(c.since, c.order[n].key)
		n++
	}
	c.order = c.order[n:]
	if len(c.order) == 0 {
		c.order = nil
	}
}

func (c *recent) clear() { *c = recent{} }

// note remembers the revocations of an entry that were not on the log before. The
// caller holds mu.
func (r *Replica) note(revocations []store.Revocation, now time.Duration) {
	if t := r.term.Load(); t != nil {
		r.recent.forget(t.boot - r.margin(t.lease))
	}
	for _, revocation := range revocations {
		if !revocation.Kind.HasInstant() && r.set.keys.marks(revocation.Key)&markLogged == 0 {
			r.recent.note(revocation.Key, now)
		}
	}
}

// Acknowledged reports whether a session or token is revoked for certain on every
// gate, so that revoking it again has nothing left to do. False says no more than
// that it is not known.
//
// Rule R10 (DESIGN): it was acknowledged here; or it came from the log, and was
// held for longer than any lease when this gate last had proof that the log was
// still of that generation. Whoever vouches for a later generation then holds it
// too. Being held for that long now is not enough: the log may have been lost
// since that proof.
func (r *Replica) Acknowledged(k store.Key) bool {
	marks := r.set.keys.marks(k)
	switch {
	case marks&markAcknowledged != 0:
		return true
	case marks&markLogged == 0:
		return false
	case r.fleet == nil:
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.term.Load()
	if t == nil || !r.view.whole {
		return false
	}
	since := r.view.since
	if young, known := r.recent.since[k]; known {
		since = young
	}
	return t.boot-since >= r.margin(t.lease)
}
