package hub

import (
	"context"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

const (
	// maxRetries bounds the revocations that are retried.
	maxRetries = 1 << 14
	// retryPause is the time between two tries, if two leases are not longer.
	retryPause = time.Second
)

// retryQueue holds revocations that are not confirmed on every gate, with all that
// belongs to them. The caller got 503, or other gates may lag behind (`acknowledge
// store`). A background goroutine completes them, while the replica retries the
// revocations themselves. It then emits the events that subscribers have not received.
// The zero value is inactive.
type retryQueue struct {
	mu      sync.Mutex
	pending map[retryName]retry
	wake    chan struct{}
	cancel  context.CancelFunc
	wait    sync.WaitGroup
}

type retry struct {
	store.Revocation
	// event is the event to emit for the revocation; nil if it was emitted.
	event *unheard
	due   time.Time
}

// unheard is an event that waits until its revocations hold everywhere.
type unheard struct {
	why   Cause
	began time.Time
}

// retryName identifies a revocation, so that one made twice is retried once.
type retryName struct {
	key, except store.Key
	notBefore   int64
}

func retryNameOf(r store.Revocation) retryName { return retryName{r.Key, r.Except, r.NotBefore} }

// start starts the background goroutine, which ends with close.
func (q *retryQueue) start(h *Hub) {
	ctx, cancel := context.WithCancel(context.Background())
	q.pending, q.wake, q.cancel = make(map[retryName]retry), make(chan struct{}, 1), cancel
	q.wait.Go(func() { q.loop(ctx, h) })
}

// stop ends the background goroutine. A running revocation ends by itself, or when the
// replica is closed.
func (q *retryQueue) stop() {
	if q.cancel != nil {
		q.cancel()
	}
}

func (q *retryQueue) close() {
	q.stop()
	q.wait.Wait()
}

// add completes revocations after a pause, when every gate knows them or is fenced. It
// then emits event, unless that is nil.
func (q *retryQueue) add(pause time.Duration, event *unheard, revocations ...store.Revocation) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.pending == nil {
		return
	}
	due := time.Now().Add(pause)
	for _, revocation := range revocations {
		if len(q.pending) < maxRetries {
			q.pending[retryNameOf(revocation)] = retry{revocation, event, due}
		}
	}
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// remove removes revocations that were repeated and completed.
func (q *retryQueue) remove(revocations []store.Revocation) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, revocation := range revocations {
		delete(q.pending, retryNameOf(revocation))
	}
}

// retryPause is the time between two tries.
func (h *Hub) retryPause() time.Duration { return max(retryPause, 2*h.replica.Status().Lease) }

func (q *retryQueue) loop(ctx context.Context, h *Hub) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-q.wake:
		}
		for q.len() > 0 && ctx.Err() == nil {
			timer := time.NewTimer(h.retryPause())
			select {
			case <-ctx.Done():
			case <-timer.C:
				q.run(ctx, h)
			}
			timer.Stop()
		}
	}
}

func (q *retryQueue) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.pending)
}

// run completes the revocations that are due. After a failure the rest waits for the
// next time, because the store is probably away.
func (q *retryQueue) run(ctx context.Context, h *Hub) {
	q.mu.Lock()
	var tokens, due []retry
	for _, r := range q.pending {
		switch {
		case r.due.After(time.Now()):
		case r.Kind == store.KindToken:
			tokens = append(tokens, r)
		default:
			due = append(due, r)
		}
	}
	q.mu.Unlock()
	// Tokens first, so that subscribers receive their sessions only once.
	due = append(tokens, due...)
	calls := make(completions)
	defer calls.emitAll(h.events)
	for _, r := range due {
		calls.expect(r.event)
	}
	for _, r := range due {
		var all []store.Revocation
		if q.has(r) { // else it was completed meanwhile, with a token or by another call
			completed, err := h.complete(ctx, r.Revocation)
			if err != nil {
				return
			}
			if q.take(r) && r.event != nil {
				all = completed
				q.remove(all) // related revocations may be in the queue, and have the event of this call
			}
		}
		calls.complete(r.event, all, h.events)
	}
}

// completions are what holds everywhere now of each call whose revocations are retried, so that
// each call has one event.
type completions map[*unheard]*completion

type completion struct {
	revocations []store.Revocation
	left        int // how many are not completed
}

// expect counts a revocation that is due.
func (c completions) expect(call *unheard) {
	if c[call] == nil {
		c[call] = new(completion)
	}
	c[call].left++
}

// complete notes what a retry has completed, and emits the event of its call with the last.
func (c completions) complete(call *unheard, revocations []store.Revocation, events Events) {
	of := c[call]
	of.revocations = append(of.revocations, revocations...)
	if of.left--; of.left == 0 {
		c.emit(call, events)
	}
}

func (c completions) emit(call *unheard, events Events) {
	if of := c[call]; call != nil && len(of.revocations) > 0 {
		events.Revoked(Outcome{Cause: call.why, Revocations: of.revocations, Took: time.Since(call.began)})
	}
	delete(c, call)
}

// emitAll emits the events of the calls that were completed only in part.
func (c completions) emitAll(events Events) {
	for call := range c {
		c.emit(call, events)
	}
}

// has reports whether a retry is still in the queue.
func (q *retryQueue) has(r retry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pending[retryNameOf(r.Revocation)] == r
}

// take removes a retry from the queue, and reports whether it was still there.
func (q *retryQueue) take(r retry) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	name := retryNameOf(r.Revocation)
	if q.pending[name] != r {
		return false
	}
	delete(q.pending, name)
	return true
}
