package replica_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Fault: somebody logs out in two windows at once, at two gates. Each publishes the
// same revocation, takes the other's entry for its own, and tells nobody that it has
// applied it: both answers wait for a heartbeat of the other that is not due.
func TestTheSameRevocationAtTwoGatesWaitsForNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 2, replica.Options{})
		revoked, _ := revocation("s")
		first, second := gates[0].wire.hold("Publish"), gates[1].wire.hold("Publish")
		var calls sync.WaitGroup
		for _, g := range gates {
			calls.Go(func() {
				if d, err := took(t, g, revoked); err != nil || d > 10*time.Millisecond {
					t.Errorf("took %v (%v), want no wait for a heartbeat", d, err)
				}
			})
		}
		synctest.Wait()
		first()
		second()
		calls.Wait()
	})
}

// Fault: the same, and one of the two does not get to the store.
func TestWhatWasTakenForAnOwnEntryIsAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 2, replica.Options{})
		revoked, _ := revocation("s")
		gates[0].wire.hold("Publish")
		lost := make(chan error, 1)
		go func() { lost <- gates[0].Revoke(t.Context(), revoked) }()
		time.Sleep(lease/4 - time.Millisecond) // a moment before it is given up
		if d, err := took(t, gates[1], revoked); err != nil || d > 10*time.Millisecond {
			t.Errorf("took %v (%v), want no wait for a heartbeat", d, err)
		}
		if err := <-lost; err == nil {
			t.Error("revoked, and the store did not answer")
		}
	})
}

// What a gate has published itself, nobody waits for it to apply.
func TestAnOwnEntryCausesNoHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 2, replica.Options{})
		time.Sleep(time.Millisecond)
		own := gates[0].wire.count("Heartbeat")
		others := gates[1].wire.count("Heartbeat")
		revoked, _ := revocation("s")
		mustRevoke(t, gates[0].Replica, revoked)
		time.Sleep(time.Millisecond)
		if n := gates[0].wire.count("Heartbeat") - own; n != 0 {
			t.Errorf("the gate that published has sent %d heartbeats at once, want none", n)
		}
		if n := gates[1].wire.count("Heartbeat") - others; n != 1 {
			t.Errorf("the other has sent %d, want one", n)
		}
	})
}
