package replica_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// alone starts a replica on a local store of its own.
func alone(t *testing.T, o replica.Options) *replica.Replica {
	t.Helper()
	local := memstore.New(nil)
	t.Cleanup(func() { _ = local.Close() })
	r := start(t, local, o)
	<-r.Synced()
	return r
}

func TestCountsAreByKind(t *testing.T) {
	r := alone(t, replica.Options{Clock: replica.SystemClock{}})
	if counts := r.Counts(); len(counts) != 0 {
		t.Errorf("before the first revocation the counts are %v", counts)
	}
	var all []store.Revocation
	for i := range 1000 {
		kind := store.KindSession
		switch {
		case i%10 == 0:
			kind = store.KindSubject
		case i%3 == 0:
			kind = store.KindToken
		}
		v := store.Revocation{Kind: kind, Key: store.NewKey("", kind, "https://a", fmt.Sprint(i)), Expires: 1 << 31}
		if kind.HasInstant() {
			v.NotBefore = 25
		}
		all = append(all, v)
	}
	// A subject may have several instants with different exceptions. None of these implies
	// another, because the later ones expire sooner.
	for i := range int64(20) {
		v := all[0]
		v.NotBefore, v.Expires = 24-i, v.Expires+1+i
		v.Except = store.NewKey("", store.KindSession, "https://a", fmt.Sprint("other ", i))
		all = append(all, v)
	}
	all = append(all, store.Revocation{Kind: store.KindIssuer, Key: store.NewKey("", store.KindIssuer, "https://a", ""), NotBefore: 25, Expires: 1 << 31})
	mustRevoke(t, r, all...)
	mustRevoke(t, r, all[:10]...) // counted once
	want := map[store.Kind]int{store.KindSession: 600, store.KindToken: 300, store.KindSubject: 100 + 20, store.KindIssuer: 1}
	counts, sum := r.Counts(), 0
	for _, n := range counts {
		sum += n
	}
	if !maps.Equal(counts, want) || sum != r.Status().Revocations {
		t.Errorf("the counts are %v, want %v with the sum %d of Status", counts, want, r.Status().Revocations)
	}
}

// A revocation that the store does not have yet is held and counted.
func TestUnconfirmedRevocationsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{Fleet: shared()}
		r := start(t, f, replica.Options{Lease: lease})
		<-r.Synced()
		local, _ := revocation("local")
		f.fail(errAway)
		if err := r.Revoke(context.Background(), local); err == nil {
			t.Error("a revocation is confirmed without the store")
		}
		if counts := r.Counts(); counts[store.KindSession] != 1 || !r.Status().Unconfirmed {
			t.Errorf("the counts are %v, and the status is %+v", counts, r.Status())
		}
	})
}

// watcher records the calls of an observer.
type watcher struct {
	mu    sync.Mutex
	calls []string
}

func (w *watcher) StoreDown(trouble replica.Trouble, left time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, fmt.Sprintf("down %s %t", trouble, left > lease/2 && left <= lease))
}

func (w *watcher) StoreUp(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, fmt.Sprintf("up %v", after.Truncate(time.Minute)))
}

func (w *watcher) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := fmt.Sprint(w.calls)
	w.calls = nil
	return calls
}

// Fault: the store is unavailable for longer than a lease, for reads and heartbeats. An
// operator on call gets one alarm, and one message when the outage is over.
func TestTheObserverIsNotifiedOncePerOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(watcher)
		f := &faulty{Fleet: shared()}
		r := start(t, f, replica.Options{Lease: lease, Observer: w})
		<-r.Synced()
		time.Sleep(2 * lease)
		if calls := w.take(); calls != "[]" {
			t.Errorf("without an outage: %s", calls)
		}
		for err, class := range map[error]string{
			errAway: "unavailable", store.ErrDamaged: "damaged",
			fmt.Errorf("reading: %w", store.ErrUnreadable): "unreadable",
		} {
			f.fail(err)
			time.Sleep(time.Minute)
			if calls := w.take(); calls != "[down "+class+" true]" {
				t.Errorf("%v: %s", err, calls)
			}
			f.fail(nil)
			time.Sleep(time.Minute)
			if calls := w.take(); calls != "[up 1m0s]" {
				t.Errorf("after %v: %s", err, calls)
			}
		}
	})
}

// A reload of the configuration replaces the observer.
func TestTheObserverIsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := new(watcher), new(watcher)
		f := &faulty{Fleet: shared()}
		r := start(t, f, replica.Options{Lease: lease, Observer: before})
		<-r.Synced()
		r.Configure(replica.Options{Lease: lease, Observer: after})
		f.fail(store.ErrGap)
		time.Sleep(lease / 2)
		if old, calls := before.take(), after.take(); old != "[]" || calls != "[down lost true]" {
			t.Errorf("the old observer got %s, the new one %s", old, calls)
		}
		r.Configure(replica.Options{Lease: lease})
		f.fail(nil)
		time.Sleep(lease)
	})
}
