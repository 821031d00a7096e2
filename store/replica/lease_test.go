package replica

import (
	"testing"
	"time"
)

// hands is a clock that the test sets.
type hands struct {
	wall, monotonic, boot time.Duration
	booted                int // number of calls of Boot
}

func (h *hands) Now() Instant { return Instant{Wall: int64(h.wall), Monotonic: int64(h.monotonic)} }

func (h *hands) Boot() time.Duration {
	h.booted++
	return h.boot
}

// pass advances the three clocks separately.
func (h *hands) pass(wall, monotonic, boot time.Duration) {
	h.wall, h.monotonic, h.boot = h.wall+wall, h.monotonic+monotonic, h.boot+boot
}

// Fault: the machine is suspended, and its monotonic clock stops. The first request after
// that must not be admitted by an expired lease. Fault: the wall clock is set.
func TestALeaseRunsOnBootTime(t *testing.T) {
	const lease = 3 * time.Second
	tests := []struct {
		name                  string
		wall, monotonic, boot time.Duration
		good                  bool
		booted                bool
	}{
		{"at once", 0, 0, 0, true, false},
		{"near its end", 2900 * time.Millisecond, 2900 * time.Millisecond, 2900 * time.Millisecond, true, false},
		{"at its end", lease, lease, lease, false, false},
		{"after a suspend of an hour", time.Hour, time.Millisecond, time.Hour, false, true},
		{"after a suspend that it outlives", 2 * time.Second, time.Second, 2 * time.Second, true, true},
		{"after a suspend of its length", lease + time.Millisecond, time.Millisecond, lease + time.Millisecond, false, true},
		{"after a suspend that is shorter than the margin", 2000 * time.Millisecond, 1995 * time.Millisecond, 2000 * time.Millisecond, true, false},
		{"with the wall clock set forward", time.Hour, time.Second, time.Second, true, true},
		{"with the wall clock set back", -time.Hour, time.Second, time.Second, true, true},
		{"over, with the wall clock set back", -time.Hour, lease, lease, false, false},
		{"suspended, and the wall clock set back by as much", -time.Minute, time.Second, time.Minute, false, true},
		{"read before it was given", -time.Millisecond, -time.Millisecond, -time.Millisecond, true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clock := &hands{wall: 1000 * time.Hour, monotonic: time.Hour, boot: 2 * time.Hour}
			given := &term{asked: clock.Now(), boot: clock.boot, lease: lease, admit: lease}
			clock.pass(test.wall, test.monotonic, test.boot)
			if got := given.good(clock.Now(), lease, clock); got != test.good {
				t.Errorf("good: %t, want %t", got, test.good)
			}
			if booted := clock.booted > 0; booted != test.booted {
				t.Errorf("read the boot clock: %t, want %t", booted, test.booted)
			}
		})
	}
}

func TestAMissingLeaseIsNotGood(t *testing.T) {
	var none *term
	if none.good(Instant{}, time.Hour, new(hands)) {
		t.Error("a missing lease is good")
	}
	if !(&term{}).good(Instant{Monotonic: 1 << 60}, forever, new(hands)) {
		t.Error("the lease on a local store expires")
	}
}

func TestTheSystemClockRuns(t *testing.T) {
	clock := SystemClock{}
	now, boot := clock.Now(), clock.Boot()
	for clock.Boot() == boot || clock.Now().Monotonic == now.Monotonic {
	}
	then := clock.Now()
	if then.Monotonic <= now.Monotonic || clock.Boot() <= boot {
		t.Errorf("went from %v and %v to %v and %v", now, boot, then, clock.Boot())
	}
}
