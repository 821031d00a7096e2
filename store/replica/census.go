package replica

import "time"

// census holds the counts of this gate's own heartbeats, the oldest first. The store finds
// by them the gates that have stopped sending heartbeats.
type census []sighting

// sighting is the count of a heartbeat, and the boot time at which it was answered.
type sighting struct {
	count    uint64
	answered time.Duration
}

// silent returns the greatest count that was answered at a boot time or before, or zero. It
// forgets the counts below.
//
// Rule R2: a gate with a count up to this one has sent no heartbeat since. Only the store's
// counter, which is never set back, and this gate's own clock decide; never a time that a
// gate or the store names.
func (c *census) silent(before time.Duration) uint64 {
	seen := *c
	for len(seen) > 1 && seen[1].answered <= before {
		seen = seen[1:]
	}
	*c = seen
	if len(seen) == 0 || seen[0].answered > before {
		return 0
	}
	return seen[0].count
}

// note adds the count of a heartbeat that was answered at the boot time now. It leaves out
// a heartbeat that follows another in less than apart, so that the census stays short.
func (c *census) note(count uint64, now, apart time.Duration) {
	if n := len(*c); n == 0 || now-(*c)[n-1].answered >= apart {
		*c = append(*c, sighting{count, now})
	}
}
