package replica_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// setLease sets the lease like an operator.
func setLease(t *testing.T, server *model.Server, d time.Duration) {
	t.Helper()
	if _, err := server.Connect(nil).SetLease(t.Context(), d); err != nil {
		t.Fatalf("SetLease: %v", err)
	}
}

// Attack: the lease is lowered while a gate with the longer lease is cut off. A DELETE
// that waited for the new lease only would be answered while that gate admits.
func TestALoweredLeaseIsWaitedForAsBefore(t *testing.T) {
	for name, lose := range map[string]bool{"": false, "and the store is flushed": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const long, short = time.Minute, 2 * time.Second
				server := model.NewServer(1, 100)
				gates := fleet(t, server, 2, replica.Options{Lease: long})
				time.Sleep(2 * long)
				setLease(t, server, short)
				gates[1].wire.hold("")
				time.Sleep(long / 4) // the other gate learns it
				if lose {
					server.Flush()
				}
				revoked, token := revocation("s")
				mustRevoke(t, gates[0].Replica, revoked)
				wantVerdict(t, gates[1].Replica, token, replica.Unavailable)
				// After every long lease has expired, a DELETE waits for a short one.
				time.Sleep(3 * long)
				if lose {
					setLease(t, server, short)
					time.Sleep(2 * long)
				}
				fresh := start(t, server.Connect(nil), replica.Options{Lease: long})
				<-fresh.Synced()
				time.Sleep(2 * long)
				cut := new(wire)
				gone := start(t, server.Connect(cut.link), replica.Options{Lease: long})
				<-gone.Synced()
				time.Sleep(2 * short)
				cut.hold("")
				began := time.Now()
				revoked, token = revocation("t")
				mustRevoke(t, gates[0].Replica, revoked)
				if took := time.Since(began); took > 2*short {
					t.Errorf("a DELETE took %v after the lease was lowered to %v", took, short)
				}
				wantVerdict(t, gone, token, replica.Unavailable)
			})
		})
	}
}

// Attack: a heartbeat is on its way while the lease is raised. Its answer was given
// before, and grants only the lease of that moment.
func TestAnAnswerGrantsTheLeaseThatItNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{Lease: lease})
		time.Sleep(2 * lease)
		// The gate reads nothing, so that the answer to its heartbeat waits for an entry.
		release := gates[1].wire.hold("Read")
		revoked, _ := revocation("s")
		_, live := revocation("lives on")
		before := time.Now()
		go func() { _ = gates[0].Revoke(t.Context(), revoked) }()
		time.Sleep(lease/2 + lease/16) // between two heartbeats
		setLease(t, server, time.Minute)
		gates[1].wire.hold("Heartbeat")
		time.Sleep(lease / 8)
		gates[1].wire.hold("")
		release()
		time.Sleep(time.Until(before.Add(2*lease + time.Second)))
		wantVerdict(t, gates[1].Replica, live, replica.Unavailable)
		if got := gates[0].Status().Lease; got != time.Minute {
			t.Errorf("the lease is %v, want the raised one at once", got)
		}
	})
}

// Attack: the lease was raised while a gate was cut off. By the raised lease it would
// still be a witness. By its own lease it is not, and it lacks revocations that others
// made since.
func TestAWitnessIsJudgedByTheLeaseItWasGranted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{Lease: lease})
		beats := gates[1].wire.hold("Heartbeat")
		reads := gates[1].wire.hold("Read")
		revoked, token := revocation("s")
		mustRevoke(t, gates[0].Replica, revoked)
		setLease(t, server, 10*time.Minute)
		// The gate that is cut off learns the raised lease when it revokes something.
		other, _ := revocation("other")
		go func() { _ = gates[1].Revoke(t.Context(), other) }()
		time.Sleep(2 * lease)
		if got := gates[1].Status().Lease; got != 10*time.Minute {
			t.Fatalf("the lease is %v", got)
		}
		gates[0].wire.hold("")
		server.Flush()
		beats()
		reads()
		time.Sleep(lease)
		if status := gates[1].Status(); status.Witness || status.State != store.StateRepair {
			t.Errorf("the status is %+v, want a repair without a witness", status)
		}
		wantVerdict(t, gates[1].Replica, token, replica.Unavailable)
	})
}

// A starting gate that creates a new head keeps the longest lease that another gate knows.
// The other gate must learn of the new head within two of the shorter leases. It does so
// by a heartbeat, a quarter of its own lease later.
func TestALostHeadTakesTheLeaseOfTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const long, short = 20 * time.Second, 3 * time.Second
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{Lease: long})
		time.Sleep(2 * long)
		release := gates[0].wire.hold("")
		gates[1].wire.hold("")
		server.Flush()
		fresh := start(t, server.Connect(nil), replica.Options{Lease: short})
		time.Sleep(short / 2) // it creates the head with its own lease
		release()
		<-fresh.Synced()
		if got := fresh.Status().Lease; got != long {
			t.Errorf("the lease is %v, want %v", got, long)
		}
		revoked, token := revocation("s")
		mustRevoke(t, fresh, revoked)
		wantVerdict(t, gates[1].Replica, token, replica.Unavailable)
	})
}
