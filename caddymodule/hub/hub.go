package hub

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/streams"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/sessions"
)

// Options are the options of a hub. They stay the same for all configurations that use it.
type Options struct {
	// Namespace is the namespace from which the keys of the store are derived.
	Namespace string
	// Logger receives events of the store and of revocations. Default: none.
	Logger *slog.Logger
	// Events receives revocations and outages. Default: none.
	Events Events
	// Trace is called with the context of a call that revokes, right after its revocations
	// hold everywhere. It returns at once. Default: none.
	Trace func(context.Context, replica.Receipt)
	// Counters count what the hub does. Default: its own.
	Counters *Counters
}

// Settings are what a configuration sets in its hub. A later Open may change them.
type Settings struct {
	// Options are those of the replica. Logger, Observer and Follower are the hub's own.
	replica.Options
	// SessionLife is how long a session that was seen is remembered after it was seen
	// last: at least as long as its last token may be accepted. Default: Retention.
	SessionLife time.Duration
}

// Hub revokes, and knows what is revoked. Its methods may be called concurrently, also
// before Open and after Close: then it admits nothing.
type Hub struct {
	namespace string
	logger    *slog.Logger
	events    Events
	trace     func(context.Context, replica.Receipt)
	counters  *Counters
	// damaged is when the store was found damaged, nil if it was not. waited is for how long it
	// was until it was opened; set before isOpen.
	damaged atomic.Pointer[time.Time]
	waited  time.Duration

	mu     sync.Mutex // of Open and Close
	closed bool       // guarded by mu
	err    error      // why the store is not open; guarded by mu

	// isOpen says that the fields below it are set. It stays true after Close, when the
	// replica admits nothing and the store says store.ErrClosed.
	isOpen   atomic.Bool
	backend  store.Backend
	tokens   store.Grants
	replica  *replica.Replica
	registry *sessions.Registry
	running  *streams.Table
	retries  retryQueue
	once     once
	ended    ended
	// lagging says that other gates may know a revocation later than the caller
	// (`acknowledge store`).
	lagging atomic.Bool
}

// New returns a hub whose store is not open. It does no I/O and starts nothing.
func New(o Options) *Hub {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Events == nil {
		o.Events = noEvents{}
	}
	if o.Trace == nil {
		o.Trace = func(context.Context, replica.Receipt) {}
	}
	if o.Counters == nil {
		o.Counters = new(Counters)
	}
	return &Hub{namespace: o.Namespace, logger: o.Logger, events: o.Events, trace: o.Trace, counters: o.Counters}
}

// Open opens the store. If it is open already, Open gives it new settings. Open does not
// wait for a network. A damaged store is no error: the hub stays as it is and admits
// nothing, and Status says why. After Close, Open returns store.ErrClosed.
func (h *Hub) Open(o Settings, open func(*slog.Logger) (store.Backend, error)) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return store.ErrClosed
	}
	o.Logger, o.Observer, o.Follower, o.Counters = h.logger, h.events, &h.ended, &h.counters.Replica
	if o.SessionLife == 0 {
		o.SessionLife = o.Retention
	}
	if h.isOpen.Load() {
		h.replica.Configure(o.Options)
		h.registry.Configure(o.SessionLife)
		h.lagging.Store(o.Acknowledge == replica.AcknowledgeStore)
		return nil
	}
	backend, err := open(h.logger)
	h.err = err
	if errors.Is(err, store.ErrDamaged) {
		if now := time.Now(); h.damaged.CompareAndSwap(nil, &now) {
			h.counters.join(h)
		}
		h.logger.Error("the store is damaged: every guarded request is refused with 503", "error", err)
		h.events.StoreDown(replica.TroubleDamaged, 0)
		return nil
	}
	if err != nil {
		return err
	}
	if began := h.damaged.Load(); began != nil {
		h.waited = time.Since(*began)
	}
	h.backend, h.tokens = backend, h.tokensOf(backend)
	h.replica = replica.New(backend, o.Options)
	h.registry = sessions.New(countedSessions{backend, &h.counters.Sessions}, sessions.Options{Life: o.SessionLife, Logger: h.logger})
	h.running = streams.New(streams.Options{Revoked: h.replica.Revoked, Changed: h.replica.Changed(), Logger: h.logger, Counters: &h.counters.Streams})
	h.lagging.Store(o.Acknowledge == replica.AcknowledgeStore)
	h.retries.start(h)
	h.isOpen.Store(true)
	h.counters.join(h)
	return nil
}

// Close ends the hub: the last configuration that used the store is gone. Requests are
// refused from now on. Running requests are cut, because the hub does not learn of
// their revocations any more. Close may be called twice.
func (h *Hub) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	defer h.counters.leave(h)
	if !h.isOpen.Load() {
		h.err = store.ErrClosed
		return nil
	}
	// A retry may be waiting for the fleet, and the replica knows how to end that.
	// Meanwhile no request may continue.
	h.retries.stop()
	h.replica.Close()
	h.running.Close()
	h.retries.close()
	h.registry.Close()
	if err := h.backend.Close(); !errors.Is(err, store.ErrClosed) {
		return err
	}
	return nil
}

// Check decides about a token, for a request that began before now. It takes no lock,
// asks no store and does not allocate. Until the store is open, it admits nothing.
func (h *Hub) Check(k *store.Keys, now time.Time) replica.Verdict {
	if !h.isOpen.Load() {
		return replica.Unavailable
	}
	return h.replica.Check(k, replica.At(now))
}

// Enter decides about the token of a request that runs from now on. If the token is
// Clear, the request gets a place among the running requests, and the caller leaves with
// Leave. It checks twice: before the request has the place, so that no request with a
// revoked token is ever cut instead of answered, and after it, so that no revocation
// between the two is missed. A request that was cut between the two is abandoned (Leave).
func (h *Hub) Enter(w http.ResponseWriter, r *http.Request, k *store.Keys, end streams.End, now time.Time) (*streams.Request, replica.Verdict) {
	if verdict := h.Check(k, now); verdict != replica.Clear {
		return nil, verdict
	}
	running := h.running.Enter(w, r, k, end)
	verdict := h.replica.Check(k, replica.At(now))
	if verdict != replica.Clear {
		Leave(running)
		running.Withdraw()
		return nil, verdict
	}
	return running, replica.Clear
}

// Leave ends an admitted request. A client must not take an answer that was cut for
// complete, whatever the handlers did with it. So Leave panics with
// http.ErrAbortHandler, and the server abandons the answer.
func Leave(running *streams.Request) {
	if running.Leave() {
		panic(http.ErrAbortHandler)
	}
}

// Look decides about a token by the present set, fresh or not. Use it only to refuse;
// to admit, use Check. Until the store is open, the set is empty.
func (h *Hub) Look(k *store.Keys) replica.Verdict {
	if !h.isOpen.Load() {
		return replica.Clear
	}
	return h.replica.Look(k)
}

// Holds reports whether a session or a token is revoked by itself, or marked (Mark), as
// far as this gate knows.
func (h *Hub) Holds(k store.Key) bool { return h.isOpen.Load() && h.replica.Holds(k) }

// Instant returns the login up to which a session is revoked, as far as this gate knows: 0
// for good. held reports whether it is revoked by itself at all.
func (h *Hub) Instant(session store.Key) (instant int64, held bool) {
	if !h.isOpen.Load() {
		return 0, false
	}
	return h.replica.Instant(session)
}

// SubjectRevocation returns the revocation of its subject that revokes a token, the one with
// the latest instant, as far as this gate knows. held reports whether there is one.
func (h *Hub) SubjectRevocation(k *store.Keys) (revocation store.Revocation, held bool) {
	if !h.isOpen.Load() {
		return store.Revocation{}, false
	}
	return h.replica.SubjectRevocation(k)
}

// Status returns the state of the replica, or why there is none.
func (h *Hub) Status() replica.Status {
	if h.isOpen.Load() {
		return h.replica.Status()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return replica.Status{Fenced: true, Err: h.err}
}

// HasOlderGates reports whether a gate of the fleet may be live that knows entries of format
// 1 alone: see store.Format. Such a gate knows no logins. It is true until the store is open
// and the fleet is known, and false for a store of one machine.
func (h *Hub) HasOlderGates() bool { return h.Status().Format < store.Format }

// Store returns the open store and its replica, both nil until the store is open. They
// are for operators, who copy the store and change the settings of its fleet.
// Revocations go through Revoke.
func (h *Hub) Store() (store.Backend, *replica.Replica) {
	if !h.isOpen.Load() {
		return nil, nil
	}
	return h.backend, h.replica
}
