package streams

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// A request that is refused after it entered does not count as admitted. Entered is read while
// requests come and go, and must never fall: Prometheus would take that for a restart.
func TestEnteredCountsAdmittedRequests(t *testing.T) {
	table := New(Options{Revoked: func(*store.Keys) bool { return false }, Changed: make(chan struct{})})
	defer table.Close()
	for range 10 {
		table.Enter(httptest.NewRecorder(), plain, new(store.Keys), ByRevocation).Leave()
	}
	refused := table.Enter(httptest.NewRecorder(), plain, new(store.Keys), ByRevocation)
	if n := table.Entered(); n != 11 {
		t.Errorf("%d have entered, want 11", n)
	}
	refused.Leave()
	refused.Withdraw()
	if n := table.Entered(); n != 11 {
		t.Errorf("fell to %d", n)
	}
	for range 10 {
		table.Enter(httptest.NewRecorder(), plain, new(store.Keys), ByRevocation).Leave()
	}
	if n := table.Entered(); n != 20 {
		t.Errorf("%d have entered, want 20", n)
	}
}

// Cuts are counted by their reason, each request once.
func TestCutsAreCounted(t *testing.T) {
	counters, revoke := new(Counters), new(store.Keys)
	now := time.Unix(1000, 0)
	table := New(Options{
		Revoked: func(k *store.Keys) bool { return k == revoke }, Changed: make(chan struct{}),
		Clock: func() time.Time { return now }, Counters: counters,
	})
	table.stop() // the test does the looks
	table.wait.Wait()
	enter := func(k *store.Keys, end End) {
		running := table.Enter(new(deadlineWriter), plain, k, end)
		t.Cleanup(func() { running.Leave() })
	}
	enter(revoke, ByRevocation)
	enter(revoke, AtExpiry)
	enter(&store.Keys{Expires: 999}, AtExpiry)
	enter(&store.Keys{Expires: 999}, ByRevocation)
	table.look()
	table.look()
	table.Close()
	if r, e, c := counters.Revoked.Load(), counters.Expired.Load(), counters.Closed.Load(); r != 2 || e != 1 || c != 1 {
		t.Errorf("counted %d revoked, %d expired and %d closed, want 2, 1 and 1", r, e, c)
	}
}
