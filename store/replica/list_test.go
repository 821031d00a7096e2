package replica_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// alone starts a replica on a store of its own.
func alone(t *testing.T, o replica.Options) *replica.Replica {
	t.Helper()
	local := memstore.New(nil)
	t.Cleanup(func() { _ = local.Close() })
	r := start(t, local, o)
	<-r.Synced()
	return r
}

func TestTheListIsWholeInPages(t *testing.T) {
	r := alone(t, replica.Options{Clock: replica.SystemClock{}})
	want := make(map[string]bool)
	var all []store.Revocation
	name := func(v store.Revocation) string {
		return fmt.Sprintf("%v %x %d %x", v.Kind, v.Key, v.NotBefore, v.Except)
	}
	for i := range 1000 {
		kind := store.Kind(i%4 + 1)
		v := store.Revocation{Kind: kind, Key: store.NewKey("", kind, "https://a", fmt.Sprint(i)), Expires: 1000 + int64(i%2)}
		if kind.HasInstant() {
			v.NotBefore, v.Except = 25, store.NewKey("", store.KindSession, "https://a", "kept")
		}
		all = append(all, v)
		want[name(v)] = true
	}
	// A subject may have several instants, each with its own exception; none of these
	// implies another, because the later ones expire sooner.
	for i := range 20 {
		v := all[2]
		v.NotBefore, v.Expires = 24-int64(i), 2000+int64(i)
		v.Except = store.NewKey("", store.KindSession, "https://a", fmt.Sprint("other ", i))
		all = append(all, v)
		want[name(v)] = true
	}
	mustRevoke(t, r, all...)
	var after replica.Held
	for {
		page := r.List(after, 7, 999)
		if len(page) == 0 {
			break
		}
		for _, held := range page {
			order := bytes.Compare(held.Key[:], after.Key[:])
			if order < 0 || order == 0 && bytes.Compare(held.Except[:], after.Except[:]) <= 0 || !want[name(held.Revocation)] {
				t.Fatalf("%+v after %+v: out of order, shown twice, or never revoked", held, after)
			}
			after = held
			delete(want, name(held.Revocation))
		}
	}
	if len(want) != 0 {
		t.Errorf("%d are missing from the list", len(want))
	}
	if got := r.List(replica.Held{}, 2000, 1000); len(got) != 500+20 {
		t.Errorf("a second later %d are listed, want the 520 that have not expired", len(got))
	}
	for _, limit := range []int{0, -1} {
		if got := r.List(replica.Held{}, limit, 0); got != nil {
			t.Errorf("with the limit %d the list is %v", limit, got)
		}
	}
}

// Fault: two instants of a subject have one exception, and none implies the other,
// because the later one expires sooner. The page ends between them.
func TestInstantsWithOneExceptionAreOnTwoPages(t *testing.T) {
	r := alone(t, replica.Options{Clock: replica.SystemClock{}})
	subject := store.NewKey("", store.KindSubject, "https://a", "alice")
	want := make(map[int64]bool)
	for _, instant := range []struct{ notBefore, expires int64 }{{100, 3000}, {200, 2000}, {150, 2500}} {
		mustRevoke(t, r, store.Revocation{
			Kind: store.KindSubject, Key: subject, NotBefore: instant.notBefore, Expires: instant.expires,
		})
		want[instant.notBefore] = true
	}
	var after replica.Held
	for page := r.List(after, 1, 0); len(page) > 0; page = r.List(after, 1, 0) {
		if !want[page[0].NotBefore] {
			t.Fatalf("%+v is shown twice", page[0])
		}
		after = page[0]
		delete(want, after.NotBefore)
	}
	if len(want) != 0 {
		t.Errorf("missing from the list: %v", want)
	}
}

func TestTheListTellsWhatTheLogHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{Fleet: shared()}
		r := start(t, f, replica.Options{Lease: lease})
		<-r.Synced()
		logged, _ := revocation("logged")
		local, _ := revocation("local")
		mustRevoke(t, r, logged)
		time.Sleep(time.Second)
		f.fail(errAway)
		_ = r.Revoke(context.Background(), local)
		for _, held := range r.List(replica.Held{}, 10, 0) {
			if held.Logged != (held.Key == logged.Key) || held.Kind != store.KindSession {
				t.Errorf("listed as %+v", held)
			}
		}
		f.fail(nil)
		time.Sleep(2 * lease)
		for _, held := range r.List(replica.Held{}, 10, 0) {
			if !held.Logged {
				t.Errorf("the store has taken it, and it is listed as %+v", held)
			}
		}
	})
}

// watcher writes down what an observer is told.
type watcher struct {
	mu   sync.Mutex
	told []string
}

func (w *watcher) StoreDown(trouble replica.Trouble, left time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, fmt.Sprintf("down %s %t", trouble, left > lease/2 && left <= lease))
}

func (w *watcher) StoreUp(after time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, fmt.Sprintf("up %v", after.Truncate(time.Minute)))
}

func (w *watcher) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := fmt.Sprint(w.told)
	w.told = nil
	return told
}

// Fault: the store is away, for reads and for heartbeats and for longer than a
// lease. Whoever is on call is woken once, and told once that it is over.
func TestTheObserverIsToldOncePerOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := new(watcher)
		f := &faulty{Fleet: shared()}
		r := start(t, f, replica.Options{Lease: lease, Observer: w})
		<-r.Synced()
		time.Sleep(2 * lease)
		if told := w.take(); told != "[]" {
			t.Errorf("while all is well: %s", told)
		}
		for err, class := range map[error]string{
			errAway: "unavailable", store.ErrDamaged: "damaged",
			fmt.Errorf("reading: %w", store.ErrUnreadable): "unreadable",
		} {
			f.fail(err)
			time.Sleep(time.Minute)
			if told := w.take(); told != "[down "+class+" true]" {
				t.Errorf("%v: %s", err, told)
			}
			f.fail(nil)
			time.Sleep(time.Minute)
			if told := w.take(); told != "[up 1m0s]" {
				t.Errorf("after %v: %s", err, told)
			}
		}
	})
}

// A configuration that was loaded anew has another observer.
func TestTheObserverIsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := new(watcher), new(watcher)
		f := &faulty{Fleet: shared()}
		r := start(t, f, replica.Options{Lease: lease, Observer: before})
		<-r.Synced()
		r.Configure(replica.Options{Lease: lease, Observer: after})
		f.fail(store.ErrGap)
		time.Sleep(lease / 2)
		if old, told := before.take(), after.take(); old != "[]" || told != "[down lost true]" {
			t.Errorf("the old one was told %s, the new one %s", old, told)
		}
		r.Configure(replica.Options{Lease: lease})
		f.fail(nil)
		time.Sleep(lease)
	})
}
