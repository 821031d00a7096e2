package replica_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Fault: a client logs out in two windows at once, at two gates, and both answers wait for
// a heartbeat that is not due.
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

// Fault: a client logs out at one gate, and the issuer notifies another gate at once. The
// second gate has nothing to add to the revocation log. It waits for the first to report
// its own entry as applied, which is not due for a quarter of a lease.
func TestAGateTellsAtOnceThatItHasAppliedItsOwnEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 2, replica.Options{})
		revoked, _ := revocation("s")
		mustRevoke(t, gates[0].Replica, revoked)
		if d, err := took(t, gates[1], revoked); err != nil || d > 10*time.Millisecond {
			t.Errorf("took %v (%v), want no wait for a heartbeat", d, err)
		}
	})
}
