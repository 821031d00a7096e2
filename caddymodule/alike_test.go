package caddymodule

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// The attack: fill the store, by ending all other sessions from a hundred connections
// at once, for as long as the token lasts.
func TestRevocationsOfOneSecondShareAnEntry(t *testing.T) {
	inSessionsGate(t, Gate{}, func(t *testing.T, g *gateTest) {
		live := g.app.shared.live.Load()
		laptop, phone := g.of(t, "laptop"), g.of(t, "phone")
		entries := func() uint64 {
			synctest.Wait() // until the replica has read what is on the log
			return live.replica.Status().Position.Seq
		}
		for range 3 {
			before := entries()
			var all sync.WaitGroup
			for range 100 {
				all.Go(func() { g.delete(t, sessionsPath+exceptCurrent, laptop).want(t, http.StatusOK, allEnded) })
			}
			all.Wait()
			if added := entries() - before; added != 1 {
				t.Errorf("%d entries for a hundred calls of one second, want one", added)
			}
			g.get(t, "/", phone).want(t, http.StatusUnauthorized, "unauthorized")
			g.get(t, "/", laptop).want(t, http.StatusOK, "")
		}
		live.alike.mu.Lock()
		defer live.alike.mu.Unlock()
		if held := len(live.alike.calls); held != 0 {
			t.Errorf("%d calls are remembered after their second", held)
		}
	})
}

func TestACallThatFailedIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			calls atomic.Int64
			a     alike
			away  = errors.New("away")
			fails = true
		)
		revocation := store.Revocation{Kind: store.KindSubject, Key: store.Key{1}, NotBefore: time.Now().Unix()}
		revoke := func() error {
			calls.Add(1)
			time.Sleep(100 * time.Millisecond)
			if fails {
				return away
			}
			return nil
		}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if err := a.once(revocation, revoke); !errors.Is(err, away) {
					t.Errorf("error %v, want that of the one call", err)
				}
			})
		}
		all.Wait()
		// And who repeats it asks again, until it succeeds.
		fails = false
		for range 3 {
			if err := a.once(revocation, revoke); err != nil {
				t.Error(err)
			}
		}
		other := revocation
		other.Except = store.Key{2}
		if err := a.once(other, revoke); err != nil {
			t.Error(err)
		}
		if calls.Load() != 3 {
			t.Errorf("revoked %d times, want 3", calls.Load())
		}
	})
}
