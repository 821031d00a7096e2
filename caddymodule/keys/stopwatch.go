package keys

import (
	"sync"
	"time"
)

// stopwatch measures a time that nobody can make longer. At each look it advances by as much
// as the wall clock or the monotonic clock has, whichever is more. A monotonic clock stands
// still while the machine is suspended, and a wall clock can be set back. Only one goroutine looks;
// any may peek.
type stopwatch struct {
	read func() (wall, monotonic time.Duration)

	mu              sync.Mutex
	wall, monotonic time.Duration // at the last look
	total           time.Duration
}

// readClocks returns a function that reads the clocks of this machine.
func readClocks() func() (wall, monotonic time.Duration) {
	began := time.Now()
	return func() (wall, monotonic time.Duration) {
		now := time.Now()
		return time.Duration(now.UnixNano()), now.Sub(began)
	}
}

// start makes the first look.
func (s *stopwatch) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wall, s.monotonic = s.read()
}

// elapsed returns how long ago start was called. It is a look.
func (s *stopwatch) elapsed() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.total, s.wall, s.monotonic = s.sum()
	return s.total
}

// peek returns how long ago start was called. It is no look, so however often it is called, the
// keys do not lapse earlier.
func (s *stopwatch) peek() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	total, _, _ := s.sum()
	return total
}

// sum returns the time since start, and the clocks.
func (s *stopwatch) sum() (total, wall, monotonic time.Duration) {
	wall, monotonic = s.read()
	return s.total + max(wall-s.wall, monotonic-s.monotonic), wall, monotonic
}
