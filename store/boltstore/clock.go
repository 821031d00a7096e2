package boltstore

import (
	"sync"
	"time"
)

const (
	// catchUp is how the store's clock follows a wall clock that is ahead of it: by
	// one second in so many of running, six hours a day.
	catchUp = 4
	// keepClock is how often, in seconds, the clock of an idle store is written down.
	keepClock = 3600
)

// clock is the store's own. It is the wall clock until something is revoked. From
// then on it goes on with the time that the store is open, and is never set. It stands
// still while no process has the store open.
//
// It catches up with the wall clock slowly, because nobody can tell a wall clock that
// is wrong from a machine that was off. A wall clock that is days ahead for an hour
// moves it by a quarter of an hour.
type clock struct {
	wall    func() time.Time
	elapsed func() time.Duration

	mu   sync.Mutex
	at   time.Time
	read time.Duration // what elapsed said then
}

// start sets the clock, while nothing depends on what it said before.
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

// running is how long this process has run. It stands still while the machine is
// suspended, other than a boot clock, and no step of the wall clock moves it.
func running() time.Duration { return time.Since(processStart) }
