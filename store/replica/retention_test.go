package replica_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Attack: use a token that lives longer than the gate has admitted so far, of a session
// whose revocation was forgotten in time. The gate is configured to admit such tokens, and
// the fleet does not know that yet.
func TestARaisedRetentionCountsBeforeTheFleetHearsOfIt(t *testing.T) {
	const before, after, margin = 3 * time.Hour, 6 * time.Hour, 11 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		way := new(wire)
		options := replica.Options{Lease: lease, Retention: before, Margin: margin, Clock: bubble{}}
		r := start(t, server.Connect(way.link), options)
		<-r.Synced()
		time.Sleep(2 * lease)
		over, long := revocation("is over")
		over.Expires = time.Now().Add(before + margin).Unix()
		long.IssuedAt, long.Expires = time.Now().Unix(), time.Now().Add(after).Unix()
		mustRevoke(t, r, over)
		time.Sleep(before + 2*margin)
		_, live := revocation("lives on")
		live.IssuedAt, live.Expires = time.Now().Add(-before+time.Minute).Unix(), time.Now().Add(after).Unix()
		free := way.hold("Heartbeat")
		options.Retention = after
		r.Configure(options)
		for _, when := range []string{"before the fleet knows", "when the fleet knows"} {
			if got := r.Check(long, replica.At(time.Now())); got != replica.Outlived {
				t.Errorf("%s: the verdict about a token whose revocation was forgotten is %v", when, got)
			}
			wantVerdict(t, r, live, replica.Clear)
			free()
			free = func() {}
			time.Sleep(2 * lease)
		}
	})
}

// Fault: the local store does not accept the longer retention. Its bounds then do not make
// the gate refuse tokens whose revocations it has forgotten.
func TestARaisedRetentionCountsWhereTheStoreDoesNotTakeIt(t *testing.T) {
	const before, after, margin = time.Hour, 2 * time.Hour, 11 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		log := &stubborn{Store: memstore.New(nil)}
		options := replica.Options{Retention: before, Margin: margin}
		r := start(t, log, options)
		<-r.Synced()
		over, long := revocation("is over")
		over.Expires = time.Now().Add(before + margin).Unix()
		long.IssuedAt, long.Expires = time.Now().Unix(), time.Now().Add(after).Unix()
		mustRevoke(t, r, over)
		time.Sleep(before + 2*margin)
		log.refuses.Store(true)
		options.Retention, options.Clock = after, bubble{}
		r.Configure(options)
		wantVerdict(t, r, long, replica.Outlived)
		log.refuses.Store(false)
		time.Sleep(2 * margin) // until a sweep has reported it
		wantVerdict(t, r, long, replica.Outlived)
	})
}

// stubborn is a store that rejects a new retention while refuses is set.
type stubborn struct {
	*memstore.Store
	refuses atomic.Bool
}

func (s *stubborn) Retain(ctx context.Context, retention, margin time.Duration) (time.Duration, store.Bounds, error) {
	if s.refuses.Load() {
		return 0, store.Bounds{}, errors.New("the disk is full")
	}
	return s.Store.Retain(ctx, retention, margin)
}

// Attack: a session is revoked while the retention is lowered, but its token lives as long
// as before. Then the retention is raised again.
func TestALoweredRetentionKeepsRevocationsForTheLongest(t *testing.T) {
	const long = 24 * time.Hour
	synctest.Test(t, func(t *testing.T) {
		options := replica.Options{Retention: long, Clock: bubble{}}
		r := start(t, memstore.New(nil), options)
		<-r.Synced()
		options.Retention = time.Hour
		r.Configure(options)
		if got := r.Retention(); got != long {
			t.Errorf("revocations are kept for %v, want %v as in the first configuration", got, long)
		}
	})
}
