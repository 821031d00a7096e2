//go:build !linux

package replica

import (
	"sync"
	"time"
)

// furthest is the last result of Boot, and when that was.
var furthest struct {
	sync.Mutex
	at   Instant
	boot time.Duration
}

// Boot implements Clock.
func (c SystemClock) Boot() time.Duration {
	furthest.Lock()
	defer furthest.Unlock()
	now := c.Now()
	if furthest.at != (Instant{}) {
		elapsed := max(now.Monotonic-furthest.at.Monotonic, now.Wall-furthest.at.Wall)
		furthest.boot += time.Duration(elapsed)
	}
	furthest.at = now
	return furthest.boot
}
