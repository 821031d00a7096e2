package replica

import (
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// census finds the gates that send no heartbeats any more.
type census struct {
	generation store.Generation
	seen       map[store.GateID]sighting
	last       time.Duration // boot time at which the last look was sent
	taken      bool
}

// sighting is a gate's count, and the boot time at which it was first seen.
type sighting struct {
	count uint64
	since time.Duration
}

// due reports whether the gates have not been looked at for half a lease.
func (c *census) due(now, lease time.Duration) bool {
	return !c.taken || now-c.last >= lease/2
}

// next is how long it is until a look is due.
func (c *census) next(now, lease time.Duration) time.Duration {
	return max(0, lease/2-(now-c.last))
}

// take takes up the answer to a look that was sent and received at these boot
// times, and returns the gates whose count has not changed for longer than wait:
// their leases are over.
//
// Rule R2 (DESIGN): the count decides, which the store never sets back, and our
// own clock; never a time that the gate or the store names.
func (c *census) take(head store.Head, sent, received, wait time.Duration) (gone []store.Gate) {
	before := c.seen
	if c.generation != head.Generation {
		before = nil
	}
	c.generation, c.last, c.taken = head.Generation, sent, true
	c.seen = make(map[store.GateID]sighting, len(head.Gates))
	for _, gate := range head.Gates {
		s, known := before[gate.ID]
		if !known || s.count != gate.Count {
			s = sighting{count: gate.Count, since: received}
		}
		c.seen[gate.ID] = s
		if sent-s.since >= wait {
			gone = append(gone, gate)
		}
	}
	return gone
}
