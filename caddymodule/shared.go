package caddymodule

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/streams"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/sessions"
)

// sharedPool keeps one shared for each store of the process, so that a
// configuration that is loaded anew finds its set in memory and its file open.
var sharedPool = caddy.NewUsagePool()

// shared is a store with the replica and the registry on it. All configurations
// that use the store use the same one. It is made without any I/O, when the
// first of them is provisioned, and opened when the first of them starts.
type shared struct {
	// live is nil until the store is open.
	live atomic.Pointer[live]
	mu   sync.Mutex // of start and Destruct
	gone bool
	// err is why the store could not be opened, where the gate goes on in the
	// hope of a repair; guarded by mu.
	err error
	log *handover // nil before the first start; guarded by mu
	// events is nil before the first start, and in tests; guarded by mu.
	events *events
}

// live is an open store.
type live struct {
	backend  store.Backend
	replica  *replica.Replica
	registry *sessions.Registry
	running  *streams.Table
	alike    alike
	owed     owed
	// lagging: other gates may know a revocation later than the caller
	// (`acknowledge store`).
	lagging atomic.Bool
	events  *events // nil emits nothing
}

// sharedOptions are the settings of one configuration.
type sharedOptions struct {
	replica   replica.Options
	retention time.Duration
	logger    *slog.Logger
}

// start opens the store, or takes over the open one with new settings. A store
// that is damaged is no reason not to start: the gate says 503, and why.
func (s *shared) start(module StoreModule, o sharedOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return store.ErrClosed
	}
	if s.log == nil {
		s.log = newHandover(o.logger)
	}
	s.log.to(o.logger)
	logger := slog.New(s.log)
	if s.events == nil {
		s.events = newEvents(logger, runningApp)
	}
	o.replica.Logger, o.replica.Observer = logger, s.events
	if l := s.live.Load(); l != nil {
		l.replica.Configure(o.replica)
		l.registry.Configure(o.retention)
		l.lagging.Store(o.replica.Acknowledge == replica.AcknowledgeStore)
		return nil
	}
	backend, err := module.Open(logger, o.replica.Leeway)
	s.err = err
	if errors.Is(err, store.ErrDamaged) {
		o.logger.Error("the store is damaged: every guarded request is refused with 503", "error", err)
		s.events.StoreDown(replica.TroubleDamaged, 0)
		return nil
	}
	if err != nil {
		return err
	}
	set := replica.New(backend, o.replica)
	l := &live{
		backend:  backend,
		replica:  set,
		registry: sessions.New(backend, sessions.Options{Retention: o.retention, Logger: logger}),
		events:   s.events,
		running:  streams.New(streams.Options{Revoked: set.Revoked, Changed: set.Changed(), Logger: logger}),
	}
	l.lagging.Store(o.replica.Acknowledge == replica.AcknowledgeStore)
	l.owed.settle(l)
	s.live.Store(l)
	return nil
}

// Destruct implements caddy.Destructor: the last configuration that used the
// store is gone. Requests of it are refused from now on, and those that are still
// running are cut, because nobody would notice any more that they are revoked.
func (s *shared) Destruct() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.gone = true
	defer s.events.close()
	l := s.live.Load()
	if l == nil {
		return nil
	}
	// What is owed may be waiting for the fleet, which the replica knows how to end;
	// and nobody's request goes on for as long.
	l.owed.stop()
	l.replica.Close()
	l.running.Close()
	l.owed.close()
	l.registry.Close()
	if err := l.backend.Close(); !errors.Is(err, store.ErrClosed) {
		return err
	}
	return nil
}

// check decides about a token. Until the store is open, nothing is known.
func (s *shared) check(k *store.Keys, now time.Time) replica.Verdict {
	l := s.live.Load()
	if l == nil {
		return replica.Unavailable
	}
	return l.replica.Check(k, replica.At(now))
}

// enter decides about a token of a request that runs from now on, and gives it its
// place among those that are running if it is Clear. One that is not, and was cut
// meanwhile, is abandoned.
func (s *shared) enter(w http.ResponseWriter, r *http.Request, k *store.Keys, end streams.End, now time.Time) (*streams.Request, replica.Verdict) {
	l := s.live.Load()
	if l == nil {
		return nil, replica.Unavailable
	}
	running := l.running.Enter(w, r, k, end)
	verdict := l.replica.Check(k, replica.At(now))
	if verdict != replica.Clear {
		leave(running)
		return nil, verdict
	}
	return running, replica.Clear
}

// status is the state of the replica, or why there is none.
func (s *shared) status() replica.Status {
	if l := s.live.Load(); l != nil {
		return l.replica.Status()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return replica.Status{Fenced: true, Err: s.err}
}

var _ caddy.Destructor = (*shared)(nil)
