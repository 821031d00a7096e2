package caddymodule

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

const (
	// maxEvents bounds the events that wait for slow subscribers.
	maxEvents = 1024
	// eventPatience is how long an event waits at the most for a configuration that
	// runs, as at the start, when the apps are not all there yet.
	eventPatience = 10 * time.Second
	eventPoll     = 20 * time.Millisecond
	// closePatience bounds the wait for a subscriber when the store is closed.
	closePatience = time.Second
)

// event is one that waits to be emitted.
type event struct {
	name string
	at   time.Time
	// data is made when it is emitted, and not by whoever revokes.
	data func() map[string]any
}

// events emits Caddy's events of one store, for all configurations that use it, to
// the subscribers of the one that runs:
//
//   - session_revoked, at the gate that revoked and once the revocation holds
//     everywhere: `kind` (session, token, subject, issuer), `key` (a hash prefix, as
//     in logs), `issuer`, `reason` (an operator's, or empty) and `source` (endpoint,
//     sessions, admin, issuer).
//   - store_down, once for each outage: `error` (unavailable, lost, unreadable,
//     damaged) and `lease_left_seconds`, after which requests are refused; absent if
//     nothing ends admission, as with a store of this machine.
//   - store_up: `after_seconds`.
//
// Subscribers are called one after the other on a goroutine of their own: Caddy
// calls them synchronously, and one that is slow, or that hangs, must hold up
// neither a DELETE nor the replica. What is too much is dropped, and logged.
//
// It is safe for concurrent use.
type events struct {
	queue   chan event
	dropped atomic.Uint64
	logger  *slog.Logger
	running func() (*App, error)
	start   func() // begins the emitting, unless it has begun
	stop    context.CancelFunc
	over    chan struct{} // closed when the emitting has ended
}

// newEvents returns one that emits from start to close.
func newEvents(logger *slog.Logger, running func() (*App, error)) *events {
	ctx, stop := context.WithCancel(context.Background())
	e := &events{queue: make(chan event, maxEvents), logger: logger, running: running, stop: stop, over: make(chan struct{})}
	e.start = sync.OnceFunc(func() { go e.emitAll(ctx) })
	return e
}

// close ends the emitting. What waits is dropped, and a subscriber that is being
// called is waited for only so long: it may hang.
func (e *events) close() {
	e.stop()
	e.start() // which ends at once, if it has not begun
	select {
	case <-e.over:
	case <-time.After(closePatience):
	}
}

func (e *events) put(name string, data func() map[string]any) {
	select {
	case e.queue <- event{name, time.Now(), data}:
	default:
		e.dropped.Add(1)
	}
}

// Revoked implements hub.Events.
//
// Invariant 10: no session id, no token and no subject is in an event,
// which is logged at the level of debugging and handed to programs.
func (e *events) Revoked(why hub.Cause, revocations []store.Revocation) {
	for _, r := range revocations {
		e.put("session_revoked", func() map[string]any {
			return map[string]any{
				"kind": r.Kind.String(), "key": r.Key.String(),
				"issuer": why.Issuer, "reason": why.Reason, "source": why.Source,
			}
		})
	}
}

// StoreDown implements replica.Observer.
func (e *events) StoreDown(trouble replica.Trouble, left time.Duration) {
	e.put("store_down", func() map[string]any {
		data := map[string]any{"error": string(trouble)}
		if left >= 0 {
			data["lease_left_seconds"] = left.Seconds()
		}
		return data
	})
}

// StoreUp implements replica.Observer.
func (e *events) StoreUp(after time.Duration) {
	e.put("store_up", func() map[string]any { return map[string]any{"after_seconds": after.Seconds()} })
}

// emitAll emits what is put, until ctx ends.
func (e *events) emitAll(ctx context.Context) {
	defer close(e.over)
	for {
		select {
		case <-ctx.Done():
			return
		case next := <-e.queue:
			e.emit(ctx, next)
		}
		if dropped := e.dropped.Swap(0); dropped > 0 {
			e.logger.Warn("events were dropped because their subscribers are slow", "dropped", dropped)
		}
	}
}

// emit hands an event to the configuration that runs. That is asked for each time,
// and is not the one that was loaded last: the subscribers of one that has not
// started yet are not there, and those of one that has stopped are gone.
func (e *events) emit(ctx context.Context, next event) {
	defer func() {
		if reason := recover(); reason != nil {
			e.logger.Error("a subscriber of an event panicked", "panic", fmt.Sprint(reason))
		}
	}()
	for ctx.Err() == nil && time.Since(next.at) < eventPatience {
		if app, err := e.running(); err == nil {
			if found, err := app.ctx.AppIfConfigured("events"); err == nil {
				if subscribed := found.(*caddyevents.App); subscribed.ShouldEmit(next.name) {
					subscribed.Emit(app.ctx, next.name, next.data())
				}
			}
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(eventPoll):
		}
	}
}

var _ hub.Events = (*events)(nil)
