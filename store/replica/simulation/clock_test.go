package simulation

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store/replica"
)

// maxDrift is the largest drift of a gate's clock in parts per million. Rule R1 allows for
// one percent.
const maxDrift = 10_000

// clock simulates the clocks of one gate's machine, inside a synctest bubble.
type clock struct {
	zero        time.Time
	drift       int64         // parts per million; positive runs fast
	up          time.Duration // uptime of the machine at zero
	disciplined bool          // the wall clock does not drift

	mu        sync.Mutex
	step      time.Duration // sum of all settings of the wall clock
	suspended time.Duration // total length of the suspends that ended
	since     time.Time     // start of the current suspend, or zero
	stall     time.Duration // delays the next reader of the boot time
}

// newClock draws a clock. Most clocks drift by the maximum, because a wrong allowance
// shows at its limit.
func newClock(w *world, s *stream) *clock {
	drift := int64(s.below(2*maxDrift+1)) - maxDrift
	if s.chance(0.7) {
		drift = maxDrift * int64(s.below(2)*2-1)
	}
	return &clock{
		zero:  time.Now(),
		drift: drift,
		up:    s.between(0, 1000*time.Hour),
		step:  s.between(-w.apart, w.apart),

		disciplined: w.disciplined,
	}
}

// Now implements replica.Clock.
func (c *clock) Now() replica.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	asleep := c.suspended
	if !c.since.IsZero() {
		asleep += time.Since(c.since)
	}
	elapsed := time.Since(c.zero)
	shown := c.rated(elapsed)
	if c.disciplined {
		shown = elapsed
	}
	return replica.Instant{
		Wall:      c.zero.Add(shown + c.step).UnixNano(),
		Monotonic: int64(c.rated(elapsed - asleep)),
	}
}

// Boot implements replica.Clock. The caller may be stopped before the call returns.
func (c *clock) Boot() time.Duration {
	c.mu.Lock()
	stall := c.stall
	c.stall = 0
	c.mu.Unlock()
	boot := c.up + c.rated(time.Since(c.zero))
	if stall > 0 {
		time.Sleep(stall)
	}
	return boot
}

// stallNext delays the next reader of the boot time by d. Zero removes the delay.
func (c *clock) stallNext(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stall = d
}

func (c *clock) rated(d time.Duration) time.Duration {
	return d + d*time.Duration(c.drift)/1_000_000
}

// set sets the wall clock.
func (c *clock) set(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.step += by
}

// off returns the sum of all settings of the wall clock.
func (c *clock) off() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.step
}

// suspend stops the monotonic clock until wake.
func (c *clock) suspend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.since = time.Now()
}

func (c *clock) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.since.IsZero() {
		c.suspended += time.Since(c.since)
		c.since = time.Time{}
	}
}

var _ replica.Clock = (*clock)(nil)

// Fault: the machine is suspended, or its wall clock is set. The test shows the effect on
// its three clocks.
func TestClockOfAMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clock{zero: time.Now(), drift: maxDrift, up: time.Hour}
		wall := c.Now().Wall
		want := func(what string, boot, monotonic, sinceStart time.Duration) {
			t.Helper()
			now := c.Now()
			if c.Boot() != boot || time.Duration(now.Monotonic) != monotonic || time.Duration(now.Wall-wall) != sinceStart {
				t.Errorf("%s: boot %v, monotonic %v, wall +%v; want %v, %v, +%v", what,
					c.Boot(), time.Duration(now.Monotonic), time.Duration(now.Wall-wall), boot, monotonic, sinceStart)
			}
		}
		time.Sleep(100 * time.Second)
		want("one percent fast", time.Hour+101*time.Second, 101*time.Second, 101*time.Second)
		c.suspend()
		time.Sleep(50 * time.Second)
		want("suspended", time.Hour+151500*time.Millisecond, 101*time.Second, 151500*time.Millisecond)
		time.Sleep(50 * time.Second)
		c.wake()
		time.Sleep(100 * time.Second)
		want("awake again", time.Hour+303*time.Second, 202*time.Second, 303*time.Second)
		c.set(-time.Hour)
		want("set back", time.Hour+303*time.Second, 202*time.Second, 303*time.Second-time.Hour)
	})
}
