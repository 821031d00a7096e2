package replica

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Replica is the set of revocations of one store, kept fresh. Its methods may
// be called concurrently.
type Replica struct {
	store   store.Store
	set     *set
	base    time.Time // fresh and heard are counted from here
	options atomic.Pointer[Options]

	// fresh is until when the replica may admit, in nanoseconds after base;
	// zero until the first full sync, and again after Close.
	fresh atomic.Int64

	mu     sync.Mutex // guards status and closed
	status Status
	closed bool

	synced chan struct{} // closed at the first full sync
	stop   context.CancelFunc
	wait   sync.WaitGroup
}

// Status is what operators want to know of a replica.
type Status struct {
	// Synced says that the whole log was read at least once.
	Synced bool
	// Fenced says that the replica admits nothing just now.
	Fenced bool
	// Position is the place on the log up to which everything was applied.
	Position store.Position
	// Revocations is how many revocations are held.
	Revocations int
	// Heard is when the store was last asked with success; zero if never.
	Heard time.Time
	// Err is why the last call failed, or nil if it did not.
	Err error
}

// New returns a replica of a store and starts to follow its log in the
// background. Until the first full sync, Check says Unavailable. The caller
// keeps the store, and closes it after the replica.
func New(s store.Store, o Options) *Replica {
	o = o.withDefaults()
	ctx, stop := context.WithCancel(context.Background())
	r := &Replica{
		store:  s,
		set:    newSet(),
		base:   o.Clock().Add(-1), // so that no time of the clock is zero
		synced: make(chan struct{}),
		stop:   stop,
	}
	r.options.Store(&o)
	r.wait.Go(func() { r.follow(ctx) })
	r.wait.Go(func() { r.sweep(ctx) })
	return r
}

// Configure replaces the options, for a configuration that was loaded anew. A
// shorter lease holds from the next answer of the store on.
func (r *Replica) Configure(o Options) {
	o = o.withDefaults()
	r.options.Store(&o)
}

// Check decides whether a token is revoked, at the time now, which must come
// from the replica's clock. It takes no lock, asks nobody and does not allocate.
//
// Rule R9 (DESIGN): the lease is read first, then the set. A set that was fresh
// when the lease was read holds everything that was acknowledged before.
//
// Invariant 7 (DESIGN): a technical failure is never "not revoked". It is
// Unavailable.
func (r *Replica) Check(k *store.Keys, now time.Time) Verdict {
	if int64(now.Sub(r.base)) >= r.fresh.Load() {
		return Unavailable
	}
	return r.set.look(k)
}

// Holds reports whether the session or token with this key is revoked. It says
// nothing about subjects and issuers. Like Check, it is quick.
func (r *Replica) Holds(k store.Key) bool { return r.set.keys.has(k) }

// Revoke puts revocations on the log and into the set. When it returns nil they
// are durable, and no Check that starts later on this replica misses them. An
// error means that the outcome is unknown; revoking again is safe. It goes on
// when ctx is cancelled, because whoever asked for a revocation wants it also
// after hanging up; it is bounded all the same, by a quarter of the lease.
func (r *Replica) Revoke(ctx context.Context, revocations ...store.Revocation) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.options.Load().call())
	defer cancel()
	if _, err := r.store.Append(ctx, revocations...); err != nil {
		return fmt.Errorf("revoking: %w", err)
	}
	r.set.add(revocations)
	return nil
}

// Synced is closed when the replica has read the whole log for the first time.
func (r *Replica) Synced() <-chan struct{} { return r.synced }

// Status returns the state of the replica now.
func (r *Replica) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	status := r.status
	status.Fenced = int64(r.options.Load().Clock().Sub(r.base)) >= r.fresh.Load()
	status.Revocations = r.set.len()
	return status
}

// Close fences the replica and ends its goroutines. Calling it again does
// nothing.
func (r *Replica) Close() {
	r.mu.Lock()
	r.closed = true
	r.fresh.Store(0)
	r.mu.Unlock()
	r.stop()
	r.wait.Wait()
}

// extend moves the lease: everything was applied up to a head that the store
// named after it was asked.
func (r *Replica) extend(asked time.Time, position store.Position) {
	o := r.options.Load()
	until := int64(math.MaxInt64)
	if o.Lease > 0 {
		until = int64(asked.Sub(r.base) + o.fence())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.fresh.Store(until)
	if err := r.status.Err; err != nil {
		o.Logger.Info("the store answers again", "unreachable_since", r.status.Heard)
	}
	if !r.status.Synced {
		close(r.synced)
	}
	r.status.Synced, r.status.Err = true, nil
	r.status.Heard, r.status.Position = asked, position
}

// fail records a failed call, and logs it where it is news.
func (r *Replica) fail(err error) {
	r.mu.Lock()
	news := r.status.Err == nil || remedy(err) != remedy(r.status.Err)
	r.status.Err = err
	synced := r.status.Synced
	r.mu.Unlock()
	if !news {
		return
	}
	o := r.options.Load()
	o.Logger.Error(remedy(err), "error", err, "lease", o.fence(), "synced", synced)
}

// remedy says what an error of the store means for whoever is on call.
func remedy(err error) string {
	switch {
	case errors.Is(err, store.ErrGap), errors.Is(err, store.ErrGeneration):
		return "the log has lost entries or was begun anew; reading all of it again and keeping what is held"
	case errors.Is(err, store.ErrUnreadable):
		return "an entry of the log cannot be understood, and is not skipped; upgrade this gate, or see who writes to its log"
	case errors.Is(err, store.ErrDamaged):
		return "the store is damaged; requests are refused until it is repaired"
	default:
		return "the store does not answer; requests are refused once the lease is over"
	}
}
