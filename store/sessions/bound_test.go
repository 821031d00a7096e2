package sessions_test

import (
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
)

// Attack: open unlimited sessions to fill the memory of the gate. Do so while the store
// accepts them, while it is unavailable, and around the time at which sessions are noted
// again.
func TestWhatAGateHoldsOfSessionsIsBounded(t *testing.T) {
	const mostPending, mostRecent = 1 << 16, 1 << 18
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		r := start(t, shared)
		largest := 0
		next := 0
		note := func(n int) {
			for range n {
				r.Note(issuer, strconv.Itoa(next), "u"+strconv.Itoa(next%5000), time.Now().Unix())
				next++
			}
			pending, recent := r.Held()
			if largest = max(largest, recent); pending > mostPending || recent > mostRecent {
				t.Fatalf("after %d sessions %d wait and %d are remembered, want at most %d and %d",
					next, pending, recent, mostPending, mostRecent)
			}
		}
		for range 6 {
			note(50_000)
			time.Sleep(time.Second)
		}
		shared.fail(errors.New("connection refused"))
		note(80_000)
		shared.fail(nil)
		for range 2 {
			time.Sleep(16 * time.Minute)
			note(40_000)
		}
		if largest < mostRecent/2 {
			t.Errorf("only %d sessions were ever remembered: each would be written with each request", largest)
		}
	})
}

// A session that the store has deleted for newer ones is unknown. It is known again when
// it is noted again, at most half an hour later.
func TestASessionThatTheStoreDeletedComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, memstore.NewWith(memstore.Options{Sessions: store.SessionLimits{Subject: 2}}))
		begin := time.Now()
		seen := func(session string) { r.Note(issuer, session, "alice", time.Now().Unix()) }
		for _, session := range []string{"first", "second", "third"} {
			seen(session)
			time.Sleep(time.Second)
		}
		wantUnknown(t, r, "first")
		wantIDs(t, r, "alice", "third", "second")
		for errors.Is(r.Owned(t.Context(), issuer, "first", is("alice")), store.ErrUnknownSession) {
			if time.Since(begin) > 31*time.Minute {
				t.Fatal("the ongoing session is still unknown")
			}
			time.Sleep(time.Minute)
			seen("first")
			time.Sleep(time.Second)
		}
		wantIDs(t, r, "alice", "first", "third")
	})
}
