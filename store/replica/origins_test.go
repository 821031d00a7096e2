package replica_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Fault: the store is away while sessions are revoked. An operator who asks later who did it
// finds the answer on the log, although another part of the gate has put it there.
func TestTheOriginOutlivesAnOutage(t *testing.T) {
	for name, revoke := range map[string]func(*testing.T, *replica.Replica, store.Revocation){
		"a call that failed": func(t *testing.T, r *replica.Replica, revoked store.Revocation) {
			if err := r.Revoke(t.Context(), revoked); err == nil {
				t.Error("revoked although the store is away")
			}
		},
		"a call that ended": func(t *testing.T, r *replica.Replica, revoked store.Revocation) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			if err := r.Revoke(ctx, revoked); err == nil {
				t.Error("revoked although the store is away")
			}
		},
		"later": func(_ *testing.T, r *replica.Replica, revoked store.Revocation) { r.RevokeLater(revoked) },
	} {
		for loss, lose := range map[string]func(*model.Server){"kept": func(*model.Server) {}, "lost": (*model.Server).RestartEmpty} {
			t.Run(name+", with the log "+loss, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					server := model.NewServer(1, 100)
					gates := fleet(t, server, 2, replica.Options{})
					newest(t, gates)
					release := gates[0].wire.hold("")
					revoked, _ := upTo("s", 200)
					revoke(t, gates[0].Replica, revoked)
					lose(server)
					release()
					time.Sleep(6 * lease)
					page, err := store.History(t.Context(), server.Connect(nil), store.Position{}, revoked.Key)
					if err != nil || len(page.Found) == 0 || page.Found[0].Origin != revoked.Origin {
						t.Errorf("the log says %+v, %v; want the origin %+v", page.Found, err, revoked.Origin)
					}
				})
			})
		}
	}
}

// Attack: revoke without end while the store is away, each time with a long reason. The gate
// keeps a bounded number of origins, and every revocation.
func TestTheOriginsOfAnOutageAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 10_000
		log := &faultyLocal{Store: memstore.New(nil)}
		r := start(t, log, replica.Options{})
		<-r.Synced()
		log.fails.Store(true)
		keys := make([]store.Key, n)
		for i := range n {
			revoked, _ := upTo(strconv.Itoa(i), 200)
			keys[i] = revoked.Key
			r.RevokeLater(revoked)
		}
		log.fails.Store(false)
		time.Sleep(time.Minute)
		found, said := 0, 0
		for after, over := (store.Position{}), false; !over; {
			page, err := store.History(t.Context(), log, after, keys...)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range page.Found {
				found++
				if one.Source == store.SourceEndpoint {
					said++
				}
			}
			after, over = page.Next, page.Over
		}
		if found != n || said != 4096 {
			t.Errorf("the log has %d revocations and %d origins, want %d and 4096", found, said, n)
		}
	})
}

// faultyLocal is a local store that takes no entries while fails is set.
type faultyLocal struct {
	*memstore.Store
	fails atomic.Bool
}

func (f *faultyLocal) Append(ctx context.Context, revocations ...store.Revocation) (store.Position, error) {
	if f.fails.Load() {
		return store.Position{}, errAway
	}
	return f.Store.Append(ctx, revocations...)
}
