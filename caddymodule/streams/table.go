package streams

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// End is the event that ends a running request.
type End uint8

const (
	// ByRevocation ends the request only when its session is revoked. It is the default of a
	// gate.
	ByRevocation End = iota
	// AtExpiry ends the request when its session is revoked, and when the newest token of
	// the session that this Table knows expires.
	AtExpiry
)

// reason is why a request was cut.
type reason string

const (
	running reason = "" // it was not cut
	revoked reason = "revoked"
	expired reason = "expired"
	// closed: the table no longer receives revocations.
	closed reason = "closed"
)

// Options configure a Table.
type Options struct {
	// Revoked reports whether a token is revoked according to the current set, fresh or
	// not. It is called for every running request and must be fast.
	Revoked func(*store.Keys) bool
	// Changed receives a value if revocations were added since the last one.
	Changed <-chan struct{}
	// Clock gives the time. Default: time.Now.
	Clock func() time.Time
	// Logger receives what was cut. Default: none.
	Logger *slog.Logger
	// Counters count what was cut. Default: its own.
	Counters *Counters
}

// Table knows the running requests of a process. Its methods may be called
// concurrently.
type Table struct {
	options Options
	shards  [shards]shard
	latest  [shards]latest
	entered atomic.Uint64 // the most that Entered has returned
	// hints are kept by processor, so that each processor nearly always uses its own
	// shard: shared ones cost three times as much.
	hints sync.Pool

	stop context.CancelFunc
	wait sync.WaitGroup
}

// shards spread requests over locks, so that they do not wait for each other.
const shards = 64

// hint names a shard that this processor used last.
type hint struct{ shard uint32 }

// prepared is how many places a shard has from the beginning.
const prepared = 4

// shard is a part of the places.
type shard struct {
	mu   sync.Mutex
	done sync.Cond // for running cuts
	all  []*Request
	free []*Request // with capacity for all
	// entered counts the requests that got a place and were not withdrawn.
	entered uint64
	_       [64]byte // no two shards share a line of the processor's cache
}

// Request is a place for one running request.
type Request struct {
	home *shard

	// The rest is guarded by home.mu.

	// turn counts the requests that had the place, so that no request is cut instead of
	// an earlier one.
	turn   uint64
	writer http.ResponseWriter
	keys   *store.Keys // nil while the place is free
	end    End
	// alone is the context of a request with its own connection, as in HTTP/1, where no
	// other request uses the connection's context; nil for others.
	alone   context.Context
	tunnel  *tunnel // nil for most
	cutting bool
	reason  reason
}

// New returns a Table that cuts in the background until it is closed.
func New(o Options) *Table {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Counters == nil {
		o.Counters = new(Counters)
	}
	ctx, stop := context.WithCancel(context.Background())
	t := &Table{options: o, stop: stop}
	var last atomic.Uint32
	t.hints.New = func() any { return &hint{last.Add(1) % shards} }
	for i := range t.shards {
		s := &t.shards[i]
		s.done.L = &s.mu
		for range prepared {
			s.grow()
		}
	}
	t.wait.Go(func() { t.watch(ctx) })
	return t
}

// Enter takes a place for a request with a token. Call it before the token is checked:
// then a later revocation finds the request here, and the check finds an earlier one.
// Each Enter needs a Leave.
func (t *Table) Enter(w http.ResponseWriter, request *http.Request, keys *store.Keys, end End) *Request {
	h := t.hints.Get().(*hint)
	s := &t.shards[h.shard]
	t.hints.Put(h) // at once, because a hint reserves nothing
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) == 0 {
		s.grow()
	}
	last := len(s.free) - 1
	r := s.free[last]
	s.free = s.free[:last]
	s.entered++
	r.writer, r.keys, r.end = w, keys, end
	if request.ProtoMajor == 1 {
		r.alone = request.Context()
	}
	return r
}

// grow makes room for one more request. The caller holds mu, if there is another.
func (s *shard) grow() {
	r := &Request{home: s}
	s.all = append(s.all, r)
	s.free = append(slices.Grow(s.free, len(s.all)), r)
}

// Leave returns the place, after a running cut. It reports whether the request was cut
// and its answer must be abandoned, so that it does not look complete to a client. It is
// false if the request went on in another protocol.
func (r *Request) Leave() (abandon bool) {
	s := r.home
	s.mu.Lock()
	defer s.mu.Unlock()
	for r.cutting {
		s.done.Wait()
	}
	abandon = r.reason != running
	if r.tunnel != nil {
		abandon = abandon && !r.tunnel.begun.Load()
		r.tunnel.cancel()
	}
	r.turn++
	r.writer, r.keys, r.alone, r.tunnel, r.reason = nil, nil, nil, nil, running
	s.free = append(s.free, r)
	return abandon
}

// Len returns how many requests are running.
func (t *Table) Len() (running int) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		running += len(s.all) - len(s.free)
		s.mu.Unlock()
	}
	return running
}

// Close cuts all running requests, and ends the background work. Call it when revocations
// are no longer received; then no request may be admitted.
func (t *Table) Close() {
	t.stop()
	t.wait.Wait()
	t.cutAll(closed, func(candidate) bool { return true })
}
