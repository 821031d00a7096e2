package replica_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

func TestRevokedHereAtOnceAndAtOtherGatesByTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := shared()
		here := start(t, shared, replica.Options{Lease: 3 * time.Second})
		there := start(t, shared, replica.Options{Lease: 3 * time.Second})
		r, token := revocation("s")
		_, same := revocation("s")
		<-here.Synced()
		<-there.Synced()
		wantVerdict(t, here, token, replica.Clear)
		wantVerdict(t, there, same, replica.Clear)

		mustRevoke(t, here, r)
		wantVerdict(t, here, token, replica.BySession)
		synctest.Wait()
		wantVerdict(t, there, same, replica.BySession)
		if !there.Holds(r.Key) {
			t.Error("the other replica does not hold the key")
		}
	})
}

func TestWhatIsOnTheLogIsHeldAfterTheFirstSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memstore.New(nil)
		const n = 10_000 // more than one batch
		for i := range n {
			r, _ := revocation(strconv.Itoa(i))
			if _, err := shared.Append(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		r := start(t, shared, replica.Options{})
		<-r.Synced()
		for i := range n {
			_, token := revocation(strconv.Itoa(i))
			wantVerdict(t, r, token, replica.BySession)
		}
		if status := r.Status(); !status.Synced || status.Fenced || status.Revocations != n || status.Position.Seq != n {
			t.Errorf("the status is %+v", status)
		}
	})
}

// Invariant 7: until the set is complete, "not found" is not an answer.
func TestNothingIsAdmittedBeforeTheFirstSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &faulty{Fleet: shared(), err: errAway}
		r := start(t, shared, replica.Options{Lease: 3 * time.Second})
		_, token := revocation("s")
		time.Sleep(time.Minute)
		wantVerdict(t, r, token, replica.Unavailable)
		if status := r.Status(); status.Synced || !status.Fenced || !errors.Is(status.Err, errAway) {
			t.Errorf("the status is %+v", status)
		}
		shared.fail(nil)
		<-r.Synced()
		wantVerdict(t, r, token, replica.Clear)
	})
}

// Fault: the store goes away while another gate revokes a session. A gate that kept using
// its old set would admit that session.
func TestAReplicaThatHearsNothingIsFencedWhenItsLeaseIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &faulty{Fleet: shared()}
		r := start(t, shared, replica.Options{Lease: 3 * time.Second})
		revoked, token := revocation("s")
		<-r.Synced()
		shared.fail(errAway)
		if _, err := shared.Fleet.Append(t.Context(), revoked); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3*time.Second + time.Millisecond)
		wantVerdict(t, r, token, replica.Unavailable)
		if err := r.Revoke(t.Context(), revoked); !errors.Is(err, errAway) {
			t.Errorf("Revoke gave %v, want the store's error", err)
		}
		shared.fail(nil)
		time.Sleep(2 * time.Second)
		wantVerdict(t, r, token, replica.BySession)
	})
}

func TestAnIdleStoreKeepsTheLeaseAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, shared(), replica.Options{Lease: 3 * time.Second})
		_, token := revocation("s")
		<-r.Synced()
		for range 100 {
			time.Sleep(333 * time.Millisecond)
			wantVerdict(t, r, token, replica.Clear)
		}
	})
}

func TestMaxStalenessGoesOnForSoLongAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &faulty{Fleet: shared()}
		r := start(t, shared, replica.Options{Lease: 3 * time.Second, MaxStaleness: time.Minute})
		revoked, revokedToken := revocation("revoked")
		_, token := revocation("s")
		mustRevoke(t, r, revoked)
		<-r.Synced()
		shared.fail(errAway)
		time.Sleep(59 * time.Second)
		wantVerdict(t, r, token, replica.Clear)
		wantVerdict(t, r, revokedToken, replica.BySession)
		time.Sleep(2 * time.Second)
		wantVerdict(t, r, token, replica.Unavailable)
	})
}

// Fault: an operator loads `on_store_failure deny` during an outage. The gate would still
// admit for the rest of the hour that the old configuration allowed.
func TestMaxStalenessThatIsTakenBackEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &faulty{Fleet: shared()}
		r := start(t, shared, replica.Options{Lease: 3 * time.Second, MaxStaleness: time.Hour})
		_, token := revocation("s")
		<-r.Synced()
		shared.fail(errAway)
		time.Sleep(time.Minute)
		wantVerdict(t, r, token, replica.Clear)
		r.Configure(replica.Options{Lease: 3 * time.Second, Clock: bubble{}})
		wantVerdict(t, r, token, replica.Unavailable)
		// The same holds in the other direction: max_staleness counts as long as it is
		// allowed again.
		r.Configure(replica.Options{Lease: 3 * time.Second, MaxStaleness: time.Hour, Clock: bubble{}})
		wantVerdict(t, r, token, replica.Clear)
		r.Configure(replica.Options{Lease: 3 * time.Second, Clock: bubble{}})
		wantVerdict(t, r, token, replica.Unavailable)
		// A lease that is good stays good.
		shared.fail(nil)
		time.Sleep(10 * time.Second)
		wantVerdict(t, r, token, replica.Clear)
		r.Configure(replica.Options{Lease: 3 * time.Second, Clock: bubble{}})
		wantVerdict(t, r, token, replica.Clear)
	})
}

func TestAClosedReplicaAdmitsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, memstore.New(nil), replica.Options{})
		_, token := revocation("s")
		<-r.Synced()
		r.Close()
		r.Close()
		wantVerdict(t, r, token, replica.Unavailable)
	})
}

func TestRevokingOutlivesTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, memstore.New(nil), replica.Options{})
		revoked, token := revocation("s")
		<-r.Synced()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := r.Revoke(gone, revoked); err != nil {
			t.Fatalf("Revoke for a caller that canceled: %v", err)
		}
		wantVerdict(t, r, token, replica.BySession)
	})
}
