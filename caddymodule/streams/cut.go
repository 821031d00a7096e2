package streams

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

const (
	// lookEvery is how long an expired request may continue, and how long a change without
	// a signal may stay unnoticed.
	lookEvery = time.Second
	// minRest and maxRest bound the time between two looks if revocations come fast. In
	// between, it is ten times the duration of the last look.
	minRest, maxRest = 5 * time.Millisecond, 250 * time.Millisecond
	// maxCut is how long the cut of one request may keep others waiting.
	maxCut = 2 * writeTimeout
)

// long is far enough in the past for every clock.
var long = time.Unix(1, 0)

// candidate is a running request at the time of a look.
type candidate struct {
	request *Request
	turn    uint64
	keys    *store.Keys
	end     End
}

// watch cuts requests when necessary, until ctx ends.
func (t *Table) watch(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.options.Changed:
		case <-ticker.C:
		}
		began := time.Now()
		t.look()
		rest := time.NewTimer(min(max(10*time.Since(began), minRest), maxRest))
		select {
		case <-ctx.Done():
		case <-rest.C:
		}
		rest.Stop()
	}
}

// look cuts what is revoked or expired now.
func (t *Table) look() {
	t.cutAll(revoked, func(c candidate) bool { return t.options.Revoked(c.keys) })
	now := t.options.Clock().Unix()
	t.cutAll(expired, func(c candidate) bool {
		return c.end == AtExpiry && c.keys.Expires <= now && t.latestOf(c.keys) <= now
	})
}

// cutAll cuts the requests that have to end for a reason. It may miss a request that enters
// meanwhile; that request is checked after it has entered.
func (t *Table) cutAll(why reason, over func(candidate) bool) {
	var found []candidate
	var cuts sync.WaitGroup
	cut := 0
	for i := range t.shards {
		found = t.shards[i].running(found[:0])
		for _, c := range found {
			if over(c) && t.cut(c, why, &cuts) {
				cut++
			}
		}
	}
	t.options.Counters.of(why).Add(uint64(cut))
	if cut > 0 {
		awaitCuts(&cuts)
		t.options.Logger.Info("running requests were cut", "requests", cut, "reason", string(why))
	}
}

// awaitCuts waits a while for running cuts.
//
// Attack: hold up the cut of one's own request, behind a handler that hides the
// connection and its deadlines, so that no other request is cut any more.
func awaitCuts(cuts *sync.WaitGroup) {
	done := make(chan struct{})
	go func() {
		cuts.Wait()
		close(done)
	}()
	late := time.NewTimer(maxCut)
	defer late.Stop()
	select {
	case <-done:
	case <-late.C:
	}
}

// running appends the requests in the places of a shard.
func (s *shard) running(to []candidate) []candidate {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) == len(s.all) {
		return to
	}
	for _, r := range s.all {
		if r.keys != nil {
			to = append(to, candidate{r, r.turn, r.keys, r.end})
		}
	}
	return to
}

// cut ends a request, if it still has the place. It reports whether the request was running
// until now. If the request continues after the cut, the next look cuts it again.
//
// Attack: let the request end at this moment, and send the next request on the same
// connection. The next request would lose its deadlines, or be cut instead. So the place is
// held until the cut is over.
func (t *Table) cut(c candidate, why reason, cuts *sync.WaitGroup) (first bool) {
	r, s := c.request, c.request.home
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.turn != c.turn || r.keys == nil || r.cutting {
		return false
	}
	first = r.reason == running
	if first {
		r.reason = why
	}
	r.cutting = true
	writer, alone, tunnel := r.writer, r.alone, r.tunnel
	// A client that reads nothing may delay the end of its own WebSocket for a moment, but
	// not the end of others.
	cuts.Go(func() {
		if err := end(writer, alone, tunnel); first && errors.Is(err, errors.ErrUnsupported) {
			t.options.Logger.Error("a running request could not be cut; some handler before session_gate hides its connection", "error", err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		r.cutting = false
		s.done.Broadcast()
	})
	return first
}

// end sets the deadlines of a request into the past and cancels its connection, or cuts its
// tunnel. An error other than errors.ErrUnsupported means that the request has ended by
// itself.
//
// Attack: avoid every running read and write that a deadline could end. Over HTTP/1, the
// first byte of a next request keeps the server from reading while it waits for the
// upstream. So does an upload that the upstream does not read. No other request will use
// the connection, because the cut request abandons it.
func end(w http.ResponseWriter, alone context.Context, tunnel *tunnel) error {
	if tunnel != nil && tunnel.cut() {
		return nil
	}
	controller := http.NewResponseController(w)
	// Caddy's writer (caddyhttp.IdleTimeoutWriter) also keeps the deadline in a field,
	// without a lock, as a limit of the later deadlines that its writes set. A running
	// Write may miss it: then the next look cuts again. There is no other way to limit
	// those writes. A half written value of long reads as long or as none.
	//
	// Writes first. Otherwise there may be time for an answer that a read failed, or
	// that the upstream saw the end.
	err := errors.Join(controller.SetWriteDeadline(long), controller.SetReadDeadline(long))
	cancelConnection(alone)
	return err
}
