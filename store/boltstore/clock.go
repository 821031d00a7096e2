package boltstore

import (
	"sync"
	"time"
)

const (
	// catchUp is how fast the store's clock follows a wall clock that is ahead of it:
	// one second for each catchUp seconds that the store is open, six hours a day.
	catchUp = 4
	// keepClock is how often, in seconds, an idle store writes its clock down.
	keepClock = 3600
)

// clock is the store's own. It is the wall clock until something is revoked. From then
// on it runs while the store is open, and is never set. It stops while no process has
// the store open.
//
// It catches up with the wall clock slowly, because the store cannot tell a wrong wall
// clock from a machine that was off. A wall clock that is days ahead for an hour moves
// it by a quarter of an hour.
type clock struct {
	wall    func() time.Time
	elapsed func() time.Duration

	mu   sync.Mutex
	at   time.Time
	read time.Duration // the value of elapsed at that time
}

// start sets the clock. It is for a time at which nothing depends on the previous
// value.
func (c *clock) start(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.read = at, c.elapsed()
}

// now is the time by the clock, in Unix seconds.
func (c *clock) now() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	elapsed := c.elapsed()
	step := elapsed - c.read
	c.at, c.read = c.at.Add(step), elapsed
	if behind := c.wall().Sub(c.at); behind > 0 {
		c.at = c.at.Add(min(behind, step/catchUp))
	}
	return c.at.Unix()
}

var processStart = time.Now()

// running is how long this process has run. Unlike a boot clock it stops while the
// machine is suspended. Steps of the wall clock do not move it.
func running() time.Duration { return time.Since(processStart) }
