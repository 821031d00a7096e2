package replica

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Replica is the set of revocations of one store, kept fresh. Its methods may
// be called concurrently.
type Replica struct {
	store store.Store
	fleet store.Fleet  // nil if the store is this machine's own
	id    store.GateID // zero without a fleet
	clock Clock
	set   *set

	options atomic.Pointer[Options]
	term    atomic.Pointer[term] // nil until the first full sync, and again after Close
	// Of the head, and the longest retention that the store was told, in nanoseconds;
	// zero until they are known.
	fleetLease, retention atomic.Int64
	longest               atomic.Int64 // of all leases that the fleet was heard to have

	mu     sync.Mutex // guards all down to the blank line
	view   view
	clocks clocks
	bounds store.Bounds
	apart  bool  // the log says that the clocks are apart
	untold int64 // tokens with an `iat` up to this second are refused until the store knows the retention
	purged int64 // the latest second by which the set, or the log before it was read, has forgotten
	before int   // how many gates were live when this one last heard so in an earlier generation
	// interrupt ends the read that is under way.
	interrupt context.CancelFunc
	synced    bool
	closed    bool
	// owed counts the occasions on which something held was not on the log, and
	// paid is how many of them an offer has covered.
	owed, paid uint64
	// past are the generations that were there before the present one.
	past     map[store.Generation]bool
	reading  trouble
	beating  trouble
	outage   time.Duration // boot time at which the calls began to fail
	degraded uint64

	arrived chan struct{} // closed at the first full sync
	beats   bell          // a heartbeat is due at once
	heard   bell          // the store has recorded what was applied
	mends   bell          // there may be something to merge or to offer
	queue   queue
	awaited awaited

	closing context.Context // over when Close is called
	stop    context.CancelFunc
	wait    sync.WaitGroup
}

// New returns a replica of a store and starts to follow its log in the
// background. Until the first full sync, Check says Unavailable. The caller
// keeps the store, and closes it after the replica. With a lease the store must
// be a store.Fleet, or the replica never admits.
func New(s store.Store, o Options) *Replica {
	o = o.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	r := &Replica{
		store:   s,
		clock:   o.Clock,
		set:     newSet(),
		arrived: make(chan struct{}),
		beats:   newBell(),
		heard:   newBell(),
		mends:   newBell(),
		queue:   queue{bell: newBell()},
		awaited: awaited{bell: newBell()},
		closing: ctx,
		stop:    stop,

		interrupt: func() {},
		past:      make(map[store.Generation]bool),
	}
	r.options.Store(&o)
	loops := []func(context.Context){r.follow, r.sweep, r.publish, r.mend, r.watch}
	if o.Lease > 0 {
		r.fleet, _ = s.(store.Fleet)
		if r.fleet == nil {
			o.Logger.Error("gates cannot share this store; this gate refuses every request")
		} else {
			r.id = store.GateID(rand.Uint64() | 1)
			loops = append(loops, r.heartbeat, r.acknowledge)
		}
	}
	for _, loop := range loops {
		r.wait.Go(func() { r.keep(ctx, loop) })
	}
	return r
}

// Configure replaces the options, for a configuration that was loaded anew. The
// clock stays, and so does whether the store is shared. MaxStaleness counts at once,
// also for the term that the replica admits by now: an operator who takes it back
// during an outage does not wait until it is over.
func (r *Replica) Configure(o Options) {
	o = o.withDefaults()
	r.mu.Lock()
	r.outlive(o.Retention)
	r.options.Store(&o)
	r.mu.Unlock()
	if err := r.retain(r.closing); err != nil {
		// The next sweep tries again before it forgets anything.
		o.Logger.Error("this gate could not write its retention to the store; it retries, and forgets no revocations until then", "error", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if held := r.term.Load(); held != nil && held.lease != forever {
		now := *held
		now.admit = max(held.lease, o.MaxStaleness)
		r.term.Store(&now)
	}
}

// Check decides whether a token is revoked, at an instant that was taken after
// the request began. It takes no lock, asks nobody and does not allocate.
//
// Rule R9: the lease is read first, then the set. A set that was fresh
// when the lease was read holds everything that was acknowledged before.
//
// Invariant 7: a technical failure is never "not revoked". It is
// Unavailable.
func (r *Replica) Check(k *store.Keys, now Instant) Verdict {
	t := r.term.Load()
	if t == nil || !t.good(now, t.admit, r.clock) {
		return Unavailable
	}
	return r.Look(k)
}

// Look decides by the set alone, whether it is fresh or not. It is for who wants
// to refuse; only Check admits.
func (r *Replica) Look(k *store.Keys) Verdict {
	return r.set.look(k)
}

// Holds reports whether the session or token with this key is revoked. It says
// nothing about subjects and issuers. Like Check, it is quick.
func (r *Replica) Holds(k store.Key) bool { return r.set.keys.has(k) }

// Published reports whether the revocation of a session or token came from the log, or
// was put on it: revoking it again is a repeat. Whether it holds everywhere, it does not
// tell; only Revoke does.
func (r *Replica) Published(k store.Key) bool { return r.set.keys.marks(k)&markPublished != 0 }

// Revoked reports whether a token that was admitted is revoked by now, as far as
// is known. Unlike Look it does not mind that the token may have expired since:
// it is for requests that are still running. Like Check, it is quick.
func (r *Replica) Revoked(k *store.Keys) bool {
	return r.Look(k)&(BySession|ByToken|BySubject|ByIssuer|ByFloor) != 0
}

// Changed receives when revocations were added since it received last. It is for
// one receiver, and is never closed.
func (r *Replica) Changed() <-chan struct{} { return r.set.changed }

// NotBefore returns the latest instant, in Unix seconds, up to which tokens of this
// session, subject and issuer are revoked, and 0 if there is none. Like Check, it is
// quick.
func (r *Replica) NotBefore(k *store.Keys) int64 { return r.set.notBefore(k) }

// Synced is closed when the replica has read the whole log for the first time,
// and may admit.
func (r *Replica) Synced() <-chan struct{} { return r.arrived }

// goodbye is how long a gate that stops tries to tell the store.
const goodbye = 250 * time.Millisecond

// Close fences the replica, ends its goroutines, and takes it off the list of
// live gates, so that no revocation waits for it. Calling it again does nothing.
//
// Rule R2: fenced first, and then the goodbye.
func (r *Replica) Close() {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	r.term.Store(nil)
	r.mu.Unlock()
	r.stop()
	r.wait.Wait()
	if first && r.fleet != nil {
		r.leave()
	}
}

func (r *Replica) leave() {
	r.mu.Lock()
	listed := len(r.view.census) > 0
	r.mu.Unlock()
	if !listed {
		return
	}
	o := r.options.Load()
	ctx, cancel := context.WithTimeout(context.Background(), min(goodbye, call(r.lease(o))))
	defer cancel()
	if err := r.fleet.Leave(ctx, r.id); err != nil && !errors.Is(err, store.ErrClosed) {
		o.Logger.Warn("this gate could not tell the store that it stops; the next revocation waits until the gate's lease has expired", "gate", r.id, "error", err)
	}
}
