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
// same revocation and takes the other's entry for its own: both answers wait for a
// heartbeat of the other that is not due.
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
