package replica

import (
	"testing"
	"time"
)

// Fault: the operator changes how long an old set admits, and the count of seconds falls, so
// that it looks like one that has begun anew.
func TestTheFencedTimeNeverFalls(t *testing.T) {
	clock := &hands{monotonic: time.Hour}
	var f fencing
	f.until = clock.Now().Monotonic
	step := func(held *term, by, want time.Duration) {
		t.Helper()
		clock.pass(by, by, by)
		f.pass(held, clock.Now())
		if got := time.Duration(f.total); got != want {
			t.Errorf("fenced for %v, want %v", got, want)
		}
	}
	step(nil, 2*time.Second, 2*time.Second)
	held := &term{asked: clock.Now(), lease: 3 * time.Second, admit: 3 * time.Second}
	step(held, 2*time.Second, 2*time.Second)
	step(held, 2*time.Second, 3*time.Second) // over for a second
	step(held, time.Second, 4*time.Second)
	longer := &term{asked: held.asked, lease: 3 * time.Second, admit: time.Minute}
	step(longer, 10*time.Second, 4*time.Second)
	step(held, 0, 4*time.Second) // and shorter again
	step(held, time.Second, 5*time.Second)
	step(&term{admit: forever}, time.Hour, 5*time.Second)
}
