package replica_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// byLease is the configuration of a gate that is not on the list of gates.
var byLease = replica.Options{Lease: lease, Acknowledge: replica.AcknowledgeLease}

// unlisted starts n unlisted gates and waits until they admit.
func unlisted(t *testing.T, server *model.Server, n int) []gate {
	t.Helper()
	gates := make([]gate, n)
	for i := range gates {
		gates[i].wire = new(wire)
		gates[i].Replica = start(t, server.Connect(gates[i].wire.link), byLease)
		<-gates[i].Synced()
	}
	return gates
}

// The cost of a revocation does not depend on the number of gates. It is one entry and one
// look, and no gate reports to the store that it has applied the entry.
func TestByLeaseARevocationTakesALeaseAndOneLook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 3, replica.Options{Acknowledge: replica.AcknowledgeLease})
		if status := gates[0].Status(); status.Gates != 0 || !status.Unlisted {
			t.Errorf("the status is %+v, want no gate on the list", status)
		}
		beats := gates[1].wire.count("Heartbeat")
		revoked, token := revocation("s")
		d, err := took(t, gates[0], revoked)
		if err != nil || d < margin || d > margin+100*time.Millisecond {
			t.Errorf("took %v (%v), want a lease", d, err)
		}
		for _, g := range gates {
			wantVerdict(t, g.Replica, token, replica.BySession)
		}
		if looks := gates[0].wire.count("Look"); looks != 1 {
			t.Errorf("%d calls of Look for one revocation", looks)
		}
		if more := gates[1].wire.count("Heartbeat") - beats; more > 5 {
			t.Errorf("a gate sent %d heartbeats in a lease with a revocation", more)
		}
	})
}

// Attack: some gates of a fleet have `acknowledge lease`, and one of them is cut off. A
// client logs out at a gate that waits for the list. The answer must not come while the
// unlisted gate admits.
func TestAGateThatIsOnNoListIsWaitedForByTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{})
		cut := unlisted(t, server, 1)[0]
		_, token := revocation("s")
		wantVerdict(t, cut.Replica, token, replica.Clear)
		cut.wire.hold("")
		revoked, _ := revocation("s")
		got := receipt(t, gates[0].Replica, "s")
		wantVerdict(t, cut.Replica, token, replica.Unavailable)
		if got.Took < margin || got.Lease < margin || !got.Unlisted || len(got.Gates) != 1 || got.Gates[0].Outcome != replica.Applied {
			t.Errorf("the receipt is %+v, want a wait of a lease for an unlisted gate", got)
		}
		// No gate is unlisted any more, so no wait is needed.
		time.Sleep(lease / 2)
		if d, err := took(t, gates[1], revoked); err != nil || d > 10*time.Millisecond || gates[1].Status().Unlisted {
			t.Errorf("took %v (%v), and the status is %+v", d, err, gates[1].Status())
		}
	})
}

// Attack: one of two unlisted gates stops in order, and the other still admits. Leaving
// concerns one gate only.
func TestAGateThatIsOnNoListStopsForItselfAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 1, replica.Options{})
		two := unlisted(t, server, 2)
		two[1].wire.hold("")
		two[0].Close()
		revoked, token := revocation("s")
		_, err := took(t, gates[0], revoked)
		if verdict := two[1].Check(token, replica.At(time.Now())); err != nil || verdict != replica.Unavailable {
			t.Errorf("answered (%v) while a gate answers %v", err, verdict)
		}
	})
}

// Attack: the configuration is reloaded while a gate admits. Revocations must wait for a
// gate that goes off the list, and for one that comes onto it.
func TestAGateMayGoOnAndOffTheListWhileItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 3, replica.Options{})
		gates[2].Configure(byLease)
		time.Sleep(lease * 5 / 8) // between two heartbeats
		if status := gates[0].Status(); status.Gates != 2 || !status.Unlisted {
			t.Errorf("the status is %+v, want two gates on the list and an unlisted one", status)
		}
		revoked, _ := revocation("off")
		if d, err := took(t, gates[0], revoked); err != nil || d < margin {
			t.Errorf("took %v (%v) while a gate is unlisted", d, err)
		}
		gates[2].Configure(replica.Options{Lease: lease})
		time.Sleep(2 * lease)
		if status := gates[0].Status(); status.Gates != 3 || status.Unlisted || status.State != store.StateSettled {
			t.Errorf("the status is %+v, want all gates on the list", status)
		}
		release := gates[2].wire.hold("Read")
		time.Sleep(lease) // the current read ends
		done := make(chan error, 1)
		revoked, token := revocation("on")
		go func() { done <- gates[0].Revoke(t.Context(), revoked) }()
		time.Sleep(lease / 2)
		select {
		case err := <-done:
			t.Fatalf("answered (%v) while a gate answers %v", err, gates[2].Check(token, replica.At(time.Now())))
		default:
		}
		release()
		if err := <-done; err != nil {
			t.Errorf("Revoke: %v", err)
		}
		wantVerdict(t, gates[2].Replica, token, replica.BySession)
	})
}

// Attack or accident: the list of gates is deleted while a listed gate is cut off. No
// revocation may be answered before that gate's lease has expired.
func TestALostListOfGatesIsNotAShortOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 3, replica.Options{})
		gates[2].wire.hold("")
		server.DropGates()
		revoked, token := revocation("s")
		d, err := took(t, gates[0], revoked)
		if verdict := gates[2].Check(token, replica.At(time.Now())); err != nil || verdict != replica.Unavailable {
			t.Errorf("answered after %v (%v) while a gate that is cut off answers %v", d, err, verdict)
		}
		_, live := revocation("lives on")
		wantVerdict(t, gates[1].Replica, live, replica.Clear)
		time.Sleep(2 * lease)
		if status := gates[0].Status(); status.State != store.StateSettled || status.Gates != 2 {
			t.Errorf("the status is %+v, want two gates on a settled list", status)
		}
	})
}
