package hub

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

func TestACallThatFailedIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			calls atomic.Int64
			o     once
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
				if err := o.do(revocation, revoke); !errors.Is(err, away) {
					t.Errorf("error %v, want that of the one call", err)
				}
			})
		}
		all.Wait()
		// A caller that repeats a failed call calls again, until it succeeds.
		fails = false
		for range 3 {
			if err := o.do(revocation, revoke); err != nil {
				t.Error(err)
			}
		}
		other := revocation
		other.Except = store.Key{2}
		if err := o.do(other, revoke); err != nil {
			t.Error(err)
		}
		if calls.Load() != 3 {
			t.Errorf("revoked %d times, want 3", calls.Load())
		}
		time.Sleep(time.Second)
		synctest.Wait()
		o.mu.Lock()
		defer o.mu.Unlock()
		if held := len(o.calls); held != 0 {
			t.Errorf("%d calls are remembered after their second", held)
		}
	})
}

// Attack: a subject is revoked up to an instant ahead of this clock, because the issuer's is
// ahead. The store loses the revocation, and a repeat is answered from memory, not by the fleet.
func TestACallIsSharedInItsOwnSecondOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o once
		calls := 0
		for range 3 {
			revocation := store.Revocation{Kind: store.KindSubject, Key: store.Key{1}, NotBefore: 946684830} // half a minute ahead
			for range 2 {
				if err := o.do(revocation, func() error { calls++; return nil }); err != nil {
					t.Error(err)
				}
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if calls != 3 {
			t.Errorf("revoked %d times in three seconds, want 3", calls)
		}
	})
}
