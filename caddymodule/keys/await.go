package keys

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// maxKeyWait is how long a caller waits for the key set with a new key.
	maxKeyWait = time.Second
	// fetchReserve is the part of maxKeyWait that is left for the fetch itself. A caller does not
	// wait for a fetch that begins later: it would hardly end in time.
	fetchReserve = maxKeyWait / 2
	// maxWaiting is how many callers of one key set wait at a time.
	maxWaiting = 128
)

// Await waits until the key set of an issuer holds a `kid` that it did not hold before. Call it
// with an error of Verify. It returns
//
//   - nil if the set holds the `kid` now. Verify again;
//   - an error that wraps ErrInvalid if the issuer has answered a fetch that began after Verify
//     was called, and the set does not hold the `kid`;
//   - an error that wraps ErrUnavailable if that fetch failed, did not end within a second, or
//     may not begin in the first half of it. It returns this at once if 128 callers are waiting already.
//     For a `kid` that the issuer has withdrawn it returns ErrInvalid in these cases;
//   - err, without waiting, if err does not wrap ErrUnknownKey.
//
// Invariant 7: an unknown `kid` is either wrong or new. Only the issuer knows which, so until
// it is asked, the failure is a technical one.
//
// Invariant 12: anybody can invent a `kid`. Fetches do not become more frequent by that, and
// the callers that wait are bounded. A token with a known `kid` never waits.
func Await(ctx context.Context, err error) error {
	var unknown *unknownKey
	if !errors.As(err, &unknown) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, maxKeyWait)
	defer cancel()
	result := errNotInSet
	for _, set := range unknown.sets {
		switch err := set.await(ctx); {
		case err == nil:
			return nil
		case errors.Is(err, ErrUnavailable):
			result = err
		}
	}
	return result
}

// unknownKey is the error of Verify for a `kid` that no key set of the issuer holds.
type unknownKey struct{ sets []expected }

// Error implements error.
func (*unknownKey) Error() string {
	return fmt.Sprintf("verifying token: %v, and the key set is asked for it: %v", ErrUnknownKey, ErrUnavailable)
}

// Unwrap returns the errors that it wraps.
func (*unknownKey) Unwrap() []error { return []error{ErrUnknownKey, ErrUnavailable} }

// expected is a `kid` that a key set did not hold when a token named it.
type expected struct {
	set *Remote
	id  string
	// running is the fetch that was running then, or nil. It may bring the key. next is
	// the first one that began after that: it decides.
	running, next *fetch
}

// await waits for one key set.
func (e expected) await(ctx context.Context) error {
	if e.set.waiting.Add(1) > maxWaiting {
		e.set.waiting.Add(-1)
		return e.undecided()
	}
	defer e.set.waiting.Add(-1)
	if e.running != nil && !e.running.isAwaited(ctx) {
		return e.undecided()
	}
	if e.set.holds(e.id) {
		return nil
	}
	if !e.set.fetches.beginsInTime(ctx, e.next) || !e.next.isAwaited(ctx) {
		return e.undecided()
	}
	switch {
	case e.set.holds(e.id):
		return nil
	case e.next.failed:
		return e.undecided()
	default:
		return errNotInSet
	}
}

// undecided returns the error for a `kid` that could not be looked for. A set that came without
// a key that was in force before has decided about that key.
func (e expected) undecided() error {
	if set := e.set.current.Load(); set != nil && !set.lapsed && slices.Contains(set.withdrawn, e.id) {
		return errNotInSet
	}
	return e.set.outage.Load().mayBeNew
}

// fetch is one attempt to load a key set.
type fetch struct {
	ended  chan struct{} // closed at the end
	failed bool          // set before ended is closed
}

func newFetch() *fetch { return &fetch{ended: make(chan struct{})} }

// isAwaited waits for the end of a fetch and reports whether it came in time.
func (f *fetch) isAwaited(ctx context.Context) bool {
	select {
	case <-f.ended:
		return true
	case <-ctx.Done():
		return false
	}
}

// fetches says which fetch runs and which one is next. It may be used concurrently.
type fetches struct {
	mu      sync.Mutex
	running *fetch // nil between two fetches
	next    *fetch
	due     time.Time // when the next fetch for an unknown `kid` may begin
}

// now returns the running fetch, which may be nil, and the next one.
func (f *fetches) now() (running, next *fetch) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.running, f.next
}

// mayBegin returns when the next fetch for an unknown `kid` may begin.
func (f *fetches) mayBegin() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.due
}

// beginsInTime reports whether a fetch has begun, or may begin so that it can end before ctx does.
func (f *fetches) beginsInTime(ctx context.Context, next *fetch) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	deadline, _ := ctx.Deadline()
	return f.next != next || !f.due.Add(fetchReserve).After(deadline)
}

// begin begins the next fetch. unknown says that an unknown `kid` caused it.
func (f *fetches) begin(at time.Time, unknown bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running, f.next = f.next, newFetch()
	if unknown {
		f.due = at.Add(minFetchPause)
	}
}

// end ends the running fetch, which began at this time. An issuer that has failed is not asked
// sooner by an unknown `kid`.
func (f *fetches) end(began time.Time, failed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if after := began.Add(minFetchPause); failed && after.After(f.due) {
		f.due = after
	}
	f.running.failed = failed
	close(f.running.ended)
	f.running = nil
}
