package replica

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// bell wakes one goroutine. Ringing it again before the goroutine wakes changes nothing.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// wait waits until the bell rings or d has passed. It reports false if ctx ended first. A
// negative d waits for the bell alone.
//
// A d of 0 makes no timer: under the race detector, the timers of simulated time that have
// expired before anybody waits for them can end the process (Go 1.26).
func (b bell) wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-b: // has priority over a timer that has expired, too
		return ctx.Err() == nil
	default:
	}
	if d == 0 {
		return ctx.Err() == nil
	}
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-ctx.Done():
		return false
	case <-b:
	case <-over:
	}
	return ctx.Err() == nil
}

// pause waits for d, and reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool { return bell(nil).wait(ctx, d) }

// keep runs a loop until ctx ends. If the loop panics, keep fences the replica and starts the
// loop again: what the loop has not done must not count as done.
func (r *Replica) keep(ctx context.Context, loop func(context.Context)) {
	for ctx.Err() == nil {
		if r.survives(ctx, loop) {
			return
		}
		pause(ctx, minBackoff)
	}
}

// survives runs a loop and reports whether it ended without a panic.
func (r *Replica) survives(ctx context.Context, loop func(context.Context)) (ended bool) {
	defer func() {
		if ended {
			return
		}
		reason := recover()
		r.mu.Lock()
		r.restart()
		r.repaired(RepairPanic)
		r.passFence()
		r.term.Store(nil)
		r.mu.Unlock()
		r.options.Load().Logger.Error("a background loop panicked; this gate refuses requests until it has read the revocation log again",
			"panic", fmt.Sprint(reason), "stack", string(debug.Stack()))
	}()
	loop(ctx)
	return true
}
