package keys

import "time"

// stopwatch measures a time that nobody can make longer. At each look it advances by as much
// as the wall clock or the monotonic clock has, whichever is more. A monotonic clock stands
// still while the machine is suspended, and a wall clock can be set back. It belongs to one
// goroutine.
type stopwatch struct {
	read            func() (wall, monotonic time.Duration)
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
func (s *stopwatch) start() { s.wall, s.monotonic = s.read() }

// elapsed returns how long ago start was called.
func (s *stopwatch) elapsed() time.Duration {
	wall, monotonic := s.read()
	s.total += max(wall-s.wall, monotonic-s.monotonic)
	s.wall, s.monotonic = wall, monotonic
	return s.total
}
