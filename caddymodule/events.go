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
	"github.com/sessiongate/sessiongate/store/replica"
)

const (
	// maxEvents is how many events may wait for slow subscribers.
	maxEvents = 1024
	// emitTimeout is how long an event waits for a running configuration. At the start of
	// the process not all apps are loaded yet.
	emitTimeout = 10 * time.Second
	eventPoll   = 20 * time.Millisecond
	// closeTimeout is how long close waits for a subscriber.
	closeTimeout = time.Second
)

// event is an event that waits to be emitted.
type event struct {
	name string
	at   time.Time
	// data runs on the goroutine that emits, to keep that work away from the revoking
	// request.
	data func() map[string]any
}

// events emits the Caddy events of one store, for all configurations that use it. The
// subscribers are those of the running configuration. The events are:
//
//   - session_revoked, emitted at the gate that revoked, once the revocation holds
//     everywhere: `kind` (session, token, subject, issuer), `key` (a hash prefix, as
//     in logs), `issuer`, `reason` (an operator's, or empty) and `source` (endpoint,
//     sessions, admin, issuer).
//   - store_down, once for each outage: `error` (unavailable, lost, unreadable,
//     damaged) and `lease_left_seconds`, after which requests are refused. The field is
//     absent if nothing ends admission, as with a store of this machine.
//   - store_up: `after_seconds`.
//
// One goroutine calls the subscribers, one after the other. Caddy calls them synchronously,
// and a slow or hanging subscriber must delay neither a DELETE nor the replica. If the
// queue is full, events are dropped and a warning is logged.
//
// It is safe for concurrent use.
type events struct {
	// subjects lets lines and messages name the user, as the newest configuration says
	// (log_subject).
	subjects atomic.Bool

	lines   revocationLog
	queue   chan event
	dropped atomic.Uint64
	logger  *slog.Logger
	running func() (*App, error)
	notify  *notifier // also hears of revocations; nil in tests
	start   func()    // starts the emitting goroutine once
	stop    context.CancelFunc
	over    chan struct{} // closed when the emitting goroutine has ended
}

// newEvents returns an events whose emitting goroutine runs from start to close.
func newEvents(logger *slog.Logger, running func() (*App, error)) *events {
	ctx, stop := context.WithCancel(context.Background())
	e := &events{lines: revocationLog{logger: logger}, queue: make(chan event, maxEvents), logger: logger, running: running, stop: stop, over: make(chan struct{})}
	e.start = sync.OnceFunc(func() { go e.emitAll(ctx) })
	return e
}

// close ends the emitting goroutine. Waiting events are dropped. A running subscriber may
// hang, so close waits for it for closeTimeout only.
func (e *events) close() {
	e.stop()
	e.start() // ends at once, if it had not started before
	select {
	case <-e.over:
	case <-time.After(closeTimeout):
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
// Invariant 10: an event holds no session id, no token and no subject. Caddy logs events at
// debug level and passes them to other programs.
func (e *events) Revoked(o hub.Outcome) {
	o = e.named(o)
	e.lines.revoked(o)
	counts.Revoked(o)
	e.notify.revoked(o)
	for _, r := range o.Revocations {
		e.put("session_revoked", func() map[string]any {
			return map[string]any{
				"kind": r.Kind.String(), "key": r.Key.String(),
				"issuer": o.Issuer, "reason": o.Reason, "source": o.Source.String(),
			}
		})
	}
}

// Pending implements hub.Events. Subscribers hear of the revocations when they hold everywhere.
func (e *events) Pending(o hub.Outcome) {
	o = e.named(o)
	e.lines.pending(o)
	counts.Pending(o)
}

// named returns the outcome without the user, unless the configuration wants users to be named.
func (e *events) named(o hub.Outcome) hub.Outcome {
	if !e.subjects.Load() {
		o.Subject = ""
	}
	return o
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

// emitAll emits the queued events, until ctx ends.
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

// emit passes an event to the configuration that is running at this time. The configuration
// that was loaded last may be another one: its subscribers do not exist before it starts.
// Those of a stopped configuration no longer exist.
func (e *events) emit(ctx context.Context, next event) {
	defer func() {
		if reason := recover(); reason != nil {
			e.logger.Error("a subscriber of an event panicked", "panic", fmt.Sprint(reason))
		}
	}()
	for ctx.Err() == nil && time.Since(next.at) < emitTimeout {
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
