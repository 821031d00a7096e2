package replica_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// A running request ends by a revocation of each kind, and by nothing else. It does not
// end because its token expired and matching revocations may have been forgotten since.
func TestARunningRequestIsRevokedByEachKind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Unix()
		key := func(kind store.Kind) store.Key { return store.NewKey("ns", kind, "issuer", "value") }
		token := func() *store.Keys {
			return &store.Keys{
				Session: key(store.KindSession), Token: key(store.KindToken), Subject: key(store.KindSubject), Issuer: key(store.KindIssuer),
				IssuedAt: now, Expires: now + 60,
			}
		}
		for kind := store.KindSession; kind <= store.KindIssuer; kind++ {
			r := start(t, memstore.New(nil), replica.Options{})
			<-r.Synced()
			running := token()
			time.Sleep(time.Hour)
			if verdict := r.Look(running); verdict != replica.Outlived || r.Revoked(running) {
				t.Errorf("after an hour: %v, revoked %v", verdict, r.Revoked(running))
			}
			select {
			case <-r.Changed():
				t.Error("a change was reported although nothing was revoked")
			default:
			}
			revocation := store.Revocation{Kind: kind, Key: key(kind), Expires: time.Now().Add(time.Hour).Unix()}
			if kind.HasInstant() {
				revocation.NotBefore = now
			}
			mustRevoke(t, r, revocation)
			<-r.Changed()
			if !r.Revoked(running) {
				t.Errorf("not revoked by its %v", kind)
			}
		}
	})
}
