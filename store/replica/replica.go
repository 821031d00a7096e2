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

// Replica holds the set of revocations of one store, and keeps it fresh. Its methods may
// be called concurrently.
type Replica struct {
	store store.Store
	fleet store.Fleet  // nil if the store is this machine's own
	id    store.GateID // zero without a fleet
	clock Clock
	set   *set

	options  atomic.Pointer[Options]
	counters *Counters
	term     atomic.Pointer[term] // nil until the first full sync, and again after Close
	// fleetLease is the lease that the head names. retention is the longest that the store
	// knows. Both are in nanoseconds, and zero until they are known.
	fleetLease, retention atomic.Int64
	longest               atomic.Int64 // the longest lease that the fleet is known to have had

	mu         sync.Mutex // guards all down to the blank line
	view       view
	clocks     clocks
	bounds     store.Bounds
	apart      bool  // a log line says that the clocks are too far apart
	mayOutlive int64 // tokens issued up to this second are refused until the store knows the retention
	purged     int64 // the latest second up to which the set, or the log before the replica read it, has forgotten
	before     int   // how many gates were live in an earlier generation, as last heard
	// interrupt ends the present read of the log.
	interrupt context.CancelFunc
	synced    bool
	closed    bool
	// pending counts the occasions on which the replica held something that the log may
	// lack. The log has what the first cleared of them were about.
	pending, cleared uint64
	// past are the generations before the present one.
	past     map[store.Generation]bool
	reading  trouble
	beating  trouble
	outage   time.Duration // boot time at which calls began to fail
	fencing  fencing
	degraded uint64

	arrived chan struct{} // closed at the first full sync
	beats   bell          // rings when a heartbeat is due at once
	heard   bell          // rings when the store has recorded what this gate has applied
	repairs bell          // rings when there may be something to merge or to publish
	queue   queue
	awaited awaited
	origins origins

	closing context.Context // over when Close is called
	stop    context.CancelFunc
	wait    sync.WaitGroup
}

// New returns a replica of a store, and starts to follow its log in the background. Until
// the first full sync, Check returns Unavailable. The caller closes the store after the
// replica. With a lease the store must be a store.Fleet, or the replica never admits.
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
		repairs: newBell(),
		queue:   queue{bell: newBell()},
		awaited: awaited{bell: newBell()},
		closing: ctx,
		stop:    stop,

		interrupt: func() {},
		past:      make(map[store.Generation]bool),
		counters:  o.Counters,
		fencing:   fencing{until: o.Clock.Now().Monotonic},
	}
	r.options.Store(&o)
	loops := []func(context.Context){r.follow, r.sweep, r.publish, r.repair, r.watch}
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

// Configure replaces the options after a configuration was reloaded, except the clock, and
// whether the store is shared. MaxStaleness counts at once, also for the present term: an
// operator who removes it during an outage does not wait until the outage ends.
func (r *Replica) Configure(o Options) {
	o = o.withDefaults()
	r.mu.Lock()
	r.outlive(o.Retention)
	r.options.Store(&o)
	r.mu.Unlock()
	if err := r.retain(r.closing); err != nil {
		// The next sweep retries before it forgets anything.
		o.Logger.Error("this gate could not write its retention to the store; it retries, and forgets no revocations until then", "error", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if held := r.term.Load(); held != nil && held.lease != forever {
		r.passFence()
		now := *held
		now.admit = max(held.lease, o.MaxStaleness)
		r.term.Store(&now)
	}
}

// Check decides whether a token is revoked. The caller takes the instant after the request
// began. Check takes no lock, calls no store and does not allocate.
//
// Rule R9: Check reads the lease first, then the set. A set that was fresh when the lease
// was read holds everything that was acknowledged before.
//
// Invariant 7: a technical failure is never "not revoked". It is Unavailable.
func (r *Replica) Check(k *store.Keys, now Instant) Verdict {
	t := r.term.Load()
	if t == nil || !t.good(now, t.admit, r.clock) {
		return Unavailable
	}
	return r.Look(k)
}

// Look ignores freshness. Use it only to refuse; to admit, use Check.
func (r *Replica) Look(k *store.Keys) Verdict {
	return r.set.look(k)
}

// Holds reports whether the session or token with this key is revoked by itself: for good,
// or up to an instant. It ignores revocations of subjects and issuers. Like Check, it is
// quick.
func (r *Replica) Holds(k store.Key) bool { return r.set.keys.has(k) }

// Instant returns the NotBefore of the revocation of this session that the replica holds: 0
// if it is for good. held reports whether the replica holds one. A repeat passes this
// instant to Revoke again, so that it does not end later logins. Like Check, it is quick.
func (r *Replica) Instant(session store.Key) (instant int64, held bool) {
	at, held := r.set.keys.instant(session)
	if !held {
		return 0, false
	}
	return notBefore(at), true
}

// Published reports whether a log had the revocation of this session or token, up to the
// instant that the replica holds or a later one, so that another Revoke up to that instant
// is a repeat. It does not report whether the revocation holds everywhere: only Revoke does.
func (r *Replica) Published(k store.Key) bool { return r.set.keys.marks(k)&markPublished != 0 }

// Repeats reports whether another Revoke of this session or token is a repeat: whether a log
// had it, up to the same instant or a later one. A second logout after another login is none.
// For a subject or an issuer, it reports whether the log of the present generation implies it.
func (r *Replica) Repeats(revocation store.Revocation) bool {
	if revocation.Kind.HasInstant() {
		return r.set.instants.logged(revocation)
	}
	instant, held := r.set.keys.instant(revocation.Key)
	return held && instant >= instantOf(revocation) && r.Published(revocation.Key)
}

// Revoked reports whether a token that was admitted before is revoked by now, as far as
// this replica knows. Unlike Look it accepts a token that has expired since: it is for
// requests that are still running. Like Check, it is quick.
func (r *Replica) Revoked(k *store.Keys) bool {
	return r.Look(k)&(BySession|ByToken|BySubject|ByIssuer|ByFloor) != 0
}

// Changed returns a channel that receives after revocations were added. It is for one
// receiver, and is never closed.
func (r *Replica) Changed() <-chan struct{} { return r.set.changed }

// NotBefore returns the latest instant, in Unix seconds, up to which tokens of this
// session, subject and issuer are revoked. It is 0 without one. Like Check, it is quick.
func (r *Replica) NotBefore(k *store.Keys) int64 { return r.set.notBefore(k) }

// SubjectRevocation returns the revocation of its subject that revokes a token, the one with
// the latest instant, as the replica holds it. held reports whether there is one. A repeat
// passes it to Revoke again, so that it ends no more than before. Like Check, it is quick.
func (r *Replica) SubjectRevocation(k *store.Keys) (revocation store.Revocation, held bool) {
	p, held := r.set.instants.covering(k.Subject, k)
	if !held {
		return store.Revocation{}, false
	}
	return store.Revocation{
		Kind: store.KindSubject, Key: k.Subject, NotBefore: p.notBefore, Except: p.except, Expires: p.expires,
	}, true
}

// Synced returns a channel that is closed when the replica has read the whole log for the
// first time, and may admit.
func (r *Replica) Synced() <-chan struct{} { return r.arrived }

// leaveTimeout bounds the call by which a stopping gate tells the store that it leaves.
const leaveTimeout = 250 * time.Millisecond

// Close fences the replica, ends its goroutines, and takes it off the list of live gates,
// so that no revocation waits for it. Another call does nothing.
//
// Rule R2: a stopping gate fences itself first, and then tells the store that it leaves.
func (r *Replica) Close() {
	r.mu.Lock()
	first := !r.closed
	r.closed = true
	r.passFence()
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
	ctx, cancel := context.WithTimeout(context.Background(), min(leaveTimeout, call(r.lease(o))))
	defer cancel()
	err := r.fleet.Leave(ctx, r.id)
	r.called(OpLeave, err)
	if err != nil && !errors.Is(err, store.ErrClosed) {
		o.Logger.Warn("this gate could not tell the store that it stops; the next revocation waits until the gate's lease has expired", "gate", r.id, "error", err)
	}
}
