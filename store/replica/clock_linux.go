package replica

import (
	"time"

	"golang.org/x/sys/unix"
)

// Boot implements Clock.
func (SystemClock) Boot() time.Duration {
	var now unix.Timespec
	// It fails only for a clock that the kernel does not know. Every kernel that Go runs on
	// knows this one.
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		panic("reading CLOCK_BOOTTIME: " + err.Error())
	}
	return time.Duration(now.Nano())
}
