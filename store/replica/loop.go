package replica

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"
)

// bell wakes one goroutine. Ringing it again before it was heard changes
// nothing.
type bell chan struct{}

func newBell() bell { return make(bell, 1) }

func (b bell) ring() {
	select {
	case b <- struct{}{}:
	default:
	}
}

// wait waits until the bell rings or d is over, and reports false if ctx ended
// first. A negative d waits for the bell alone.
func (b bell) wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-b: // before a timer that is over as well
		return ctx.Err() == nil
	default:
	}
	var over <-chan time.Time
	if d >= 0 {
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

// pause waits, and reports false if ctx ended first.
func pause(ctx context.Context, d time.Duration) bool { return bell(nil).wait(ctx, d) }

// keep runs a loop until ctx ends. A loop that panics fences the replica and is
// started again: what it did not get to do must not pass for done.
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
		r.term.Store(nil)
		r.mu.Unlock()
		r.options.Load().Logger.Error("a background loop panicked; this gate refuses requests until it has read the revocation log again",
			"panic", fmt.Sprint(reason), "stack", string(debug.Stack()))
	}()
	loop(ctx)
	return true
}
