package replica

import "time"

// Instant is one moment as two clocks read it, in nanoseconds. Only differences
// between instants of one process mean anything.
type Instant struct {
	// Wall is the wall clock since 1970. It may be set.
	Wall int64
	// Monotonic never goes back and is never set. It stands still while the
	// machine is suspended.
	Monotonic int64
}

var started = time.Now()

// At is the instant of a time that time.Now returned.
func At(t time.Time) Instant {
	return Instant{Wall: t.UnixNano(), Monotonic: int64(t.Sub(started))}
}

// Clock tells a replica the time. It must be safe for concurrent use.
type Clock interface {
	// Now is this moment. It costs no more than time.Now.
	Now() Instant
	// Boot is the time since some fixed moment of the machine. It goes on during a
	// suspend. It may cost a system call.
	Boot() time.Duration
}

// SystemClock is the clock of this machine.
//
// On Linux, Boot is CLOCK_BOOTTIME. On other systems it follows the wall clock or the
// monotonic clock, whichever goes further. There a wall clock that is set forward may fence
// a gate until its next heartbeat.
type SystemClock struct{}

// Now implements Clock.
func (SystemClock) Now() Instant { return At(time.Now()) }

var _ Clock = SystemClock{}
