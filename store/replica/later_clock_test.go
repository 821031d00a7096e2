// Built without the race detector only: hours of simulated time are more events than it
// can count, and then it ends the process.

//go:build !race

package replica_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Attack: a client logs out while the wall clock of the gate or of the store is a day
// behind. The expiry of the revocation would be computed for a day that is over.
func TestARevocationIsKeptByTheLaterClock(t *testing.T) {
	for name, off := range map[string]time.Duration{"the gate is behind": -25 * time.Hour, "the gate is ahead": 25 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := model.NewServer(1, 100)
				good := start(t, server.Connect(nil), keeping(replica.Options{Lease: calm}))
				<-good.Synced()
				clock := new(skewed)
				clock.step(off)
				bad := start(t, server.Connect(nil), keeping(replica.Options{Lease: calm, Clock: clock}))
				<-bad.Synced()
				time.Sleep(kept + time.Minute)
				revoked, token := made("s", time.Now().Add(off))
				mustRevoke(t, bad, revoked)
				time.Sleep(retention - time.Minute)
				fresh := start(t, server.Connect(nil), keeping(replica.Options{Lease: calm}))
				<-fresh.Synced()
				wantVerdict(t, good, token, replica.BySession)
				wantVerdict(t, fresh, token, replica.BySession)
				time.Sleep(2*kept + max(0, off))
				if left := len(server.Log()); left != 0 {
					t.Errorf("%d entries are still on the log after they have expired by all clocks", left)
				}
			})
		})
	}
}
