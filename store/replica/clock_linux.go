package replica

import (
	"time"

	"golang.org/x/sys/unix"
)

// Boot implements Clock.
func (SystemClock) Boot() time.Duration {
	var now unix.Timespec
	// It fails for a clock that the kernel does not know, and this one is older
	// than any kernel that Go runs on.
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &now); err != nil {
		panic("reading CLOCK_BOOTTIME: " + err.Error())
	}
	return time.Duration(now.Nano())
}
