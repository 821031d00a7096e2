package keys

import "time"

// stopwatch counts time that nobody can stretch: at every look it goes on by
// what the wall clock or the monotonic clock went on since the last one,
// whichever is more. A monotonic clock stands still while the machine is
// suspended, and a wall clock can be set back. It belongs to one goroutine.
type stopwatch struct {
	read            func() (wall, monotonic time.Duration)
	wall, monotonic time.Duration // as they were at the last look
	total           time.Duration
}

// readClocks returns what reads the clocks of this machine.
func readClocks() func() (wall, monotonic time.Duration) {
	began := time.Now()
	return func() (wall, monotonic time.Duration) {
		now := time.Now()
		return time.Duration(now.UnixNano()), now.Sub(began)
	}
}

// start makes the first look.
func (s *stopwatch) start() { s.wall, s.monotonic = s.read() }

// elapsed is how long ago start was.
func (s *stopwatch) elapsed() time.Duration {
	wall, monotonic := s.read()
	s.total += max(wall-s.wall, monotonic-s.monotonic)
	s.wall, s.monotonic = wall, monotonic
	return s.total
}
