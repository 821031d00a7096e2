package replica_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Fault: the store is unavailable when a client logs out. The call fails. This gate
// refuses the session anyway, and publishes the revocation later.
func TestAFailedRevocationHoldsHereAndIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{})
		revoked, token := revocation("s")
		release := gates[0].wire.hold("")
		if err := gates[0].Revoke(t.Context(), revoked); err == nil {
			t.Fatal("revoked although the store is unavailable")
		}
		if gates[0].Look(token) != replica.BySession || !gates[0].Status().Unconfirmed {
			t.Errorf("the failed revocation does not hold at this gate: %+v", gates[0].Status())
		}
		if gates[0].Published(revoked.Key) {
			t.Error("the revocation counts as published, but only this gate holds it")
		}
		release()
		time.Sleep(lease)
		wantOnLog(t, server, revoked)
		_, there := revocation("s")
		wantVerdict(t, gates[1].Replica, there, replica.BySession)
		if gates[0].Status().Unconfirmed {
			t.Error("still unconfirmed after the store accepted it")
		}
	})
}

// Fault: a request or its answer is lost. The revocation log then holds the entry once or
// twice, and the caller gets an error because the outcome is unknown.
func TestALostAnswerIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &faulty{Fleet: shared()}
		r := start(t, shared, replica.Options{Lease: lease})
		<-r.Synced()
		revoked, token := revocation("s")
		shared.fail(errAway)
		if err := r.Revoke(t.Context(), revoked); !errors.Is(err, errAway) {
			t.Errorf("Revoke gave %v, want the store's error", err)
		}
		wantVerdict(t, r, token, replica.BySession)
		shared.fail(nil)
		mustRevoke(t, r, revoked)
		if !r.Published(revoked.Key) {
			t.Error("the confirmed revocation does not count as published")
		}
	})
}

func TestRevokeLaterReachesALocalStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memstore.New(nil)
		r := start(t, log, replica.Options{})
		<-r.Synced()
		revoked, token := revocation("s")
		r.RevokeLater(revoked, store.Revocation{Kind: store.KindSession})
		wantVerdict(t, r, token, replica.BySession)
		synctest.Wait()
		batch, err := log.Read(t.Context(), store.Position{}, 0)
		if err != nil || len(batch.Entries) != 1 || batch.Entries[0].Revocations[0] != revoked {
			t.Errorf("the log holds %+v, %v; want the revocation", batch.Entries, err)
		}
		if !r.Published(revoked.Key) {
			t.Error("the revocation is in the local store, but does not count as published")
		}
	})
}
