package replica_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// everyKind returns a revocation of each kind.
func everyKind() []store.Revocation {
	key := func(kind store.Kind, value string) store.Key {
		return store.NewKey("default", kind, "https://a", value)
	}
	return []store.Revocation{
		{Kind: store.KindSession, Key: key(store.KindSession, "s"), Expires: 1 << 31},
		{Kind: store.KindToken, Key: key(store.KindToken, "t"), Expires: 1 << 31},
		{Kind: store.KindSubject, Key: key(store.KindSubject, "u"), NotBefore: 1000, Except: key(store.KindSession, "kept"), Expires: 1 << 31},
		{Kind: store.KindSubject, Key: key(store.KindSubject, "u"), NotBefore: 900, Expires: 1 << 31},
		{Kind: store.KindIssuer, Key: key(store.KindIssuer, ""), NotBefore: 500, Expires: 1 << 31},
	}
}

// wantOnLog wants revocations on the log as they were made.
func wantOnLog(t *testing.T, server *model.Server, revocations ...store.Revocation) {
	t.Helper()
	held := map[store.Revocation]int{}
	for _, entry := range server.Log() {
		for _, r := range entry.Revocations {
			held[r]++
		}
	}
	for _, r := range revocations {
		if held[r] != 1 {
			t.Errorf("the log holds %d times %+v", held[r], r)
		}
	}
}

// The fault: everything is deleted. One gate was there and holds it all, so
// that it vouches for it: nobody waits for two leases, and nothing is forgotten.
func TestAWitnessMendsTheLogAtOnce(t *testing.T) {
	losses := map[string]func(*model.Server){
		"FLUSHALL":                   (*model.Server).Flush,
		"a restart without its data": (*model.Server).RestartEmpty,
		"a restart with its data":    (*model.Server).Restart,
		"the log was deleted":        (*model.Server).DropLog,
		"the head was deleted":       (*model.Server).DropHead,
		"an entry was deleted":       func(s *model.Server) { s.DropEntry(1) },
	}
	for name, lose := range losses {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := model.NewServer(1, 100)
				gates := fleet(t, server, 2, replica.Options{})
				mustRevoke(t, gates[0].Replica, everyKind()...)
				_, live := revocation("lives on")
				lose(server)
				for range 40 { // two leases
					time.Sleep(lease / 20)
					wantVerdict(t, gates[0].Replica, live, replica.Clear)
					wantVerdict(t, gates[1].Replica, live, replica.Clear)
				}
				wantOnLog(t, server, everyKind()...)

				late := start(t, server.Connect(nil), replica.Options{Lease: lease})
				<-late.Synced()
				_, token := revocation("s")
				wantVerdict(t, late, token, replica.BySession)
				if got := late.Status().Revocations; got != len(everyKind()) {
					t.Errorf("a gate that came later holds %d revocations, want %d", got, len(everyKind()))
				}
			})
		})
	}
}

// The fault: an old dump is restored, or a replica is promoted that lags.
// What it lacks is merged, and what it holds is not merged once more.
func TestOnlyWhatAnOldDumpLacksIsMerged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 1, replica.Options{})
		kept, _ := revocation("kept")
		lost, _ := revocation("lost")
		mustRevoke(t, gates[0].Replica, kept)
		dump := server.Dump()
		mustRevoke(t, gates[0].Replica, lost)
		server.Restore(dump)
		time.Sleep(lease)
		wantOnLog(t, server, kept, lost)
		_, token := revocation("lost")
		wantVerdict(t, gates[0].Replica, token, replica.BySession)
	})
}

// The fault: Redis is away for longer than a lease, and comes back empty.
// Nobody can vouch for what it held, so that every gate gets the time to say.
func TestWithoutAWitnessTheLogIsOpenedAfterTwoLeases(t *testing.T) {
	for name, manual := range map[string]bool{"auto": false, "manual": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := model.NewServer(1, 100)
				revoked, revokedToken := revocation("revoked")
				_, token := revocation("lives on")
				wires := new(wire)
				r := start(t, server.Connect(wires.link), replica.Options{Lease: lease, Manual: manual})
				if manual {
					time.Sleep(time.Minute)
					wantVerdict(t, r, token, replica.Unavailable)
					if err := r.Bootstrap(); err != nil {
						t.Fatalf("Bootstrap of a new namespace: %v", err)
					}
				}
				<-r.Synced()
				mustRevoke(t, r, revoked)
				if err := r.Bootstrap(); err == nil {
					t.Error("a log that is open was bootstrapped")
				}

				release := wires.hold("")
				server.RestartEmpty()
				time.Sleep(2 * lease)
				release()
				time.Sleep(lease)
				wantVerdict(t, r, token, replica.Unavailable)
				if manual {
					time.Sleep(time.Hour)
					wantVerdict(t, r, token, replica.Unavailable)
					if err := r.Bootstrap(); err != nil {
						t.Fatalf("Bootstrap: %v", err)
					}
				}
				time.Sleep(2 * lease)
				wantVerdict(t, r, token, replica.Clear)
				wantVerdict(t, r, revokedToken, replica.BySession)
				wantOnLog(t, server, revoked)
			})
		})
	}
}

// A gate that was cut off while others opened a new generation holds what they
// may not.
func TestAGateThatComesBackLateOffersWhatItHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		holder := new(wire)
		r := start(t, server.Connect(holder.link), replica.Options{Lease: lease})
		<-r.Synced()
		revoked, token := revocation("s")
		mustRevoke(t, r, revoked)
		release := holder.hold("")
		server.RestartEmpty()
		other := start(t, server.Connect(nil), replica.Options{Lease: lease})
		<-other.Synced()
		wantVerdict(t, other, token, replica.Clear) // nobody who was there could say
		release()
		time.Sleep(lease)
		_, again := revocation("s")
		wantVerdict(t, other, again, replica.BySession)
		wantOnLog(t, server, revoked)
	})
}

// The fault: a newer gate's entry during a rolling upgrade, and its
// retention passes.
func TestAPoisonedLogIsServedAgainWhenThePoisonIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 1, replica.Options{})
		_, token := revocation("s")
		server.Poison()
		time.Sleep(margin)
		wantVerdict(t, gates[0].Replica, token, replica.Unavailable)
		if status := gates[0].Status(); !errors.Is(status.Err, store.ErrUnreadable) || status.Lag != 1 {
			t.Errorf("the status is %+v, want an entry that cannot be understood", status)
		}
		server.Cure()
		time.Sleep(3 * margin)
		wantVerdict(t, gates[0].Replica, token, replica.Clear)
	})
}

// panicking is a shared store whose next heartbeat panics when it is armed.
type panicking struct {
	faulty
	armed atomic.Bool
}

func (p *panicking) Heartbeat(ctx context.Context, beat store.Heartbeat) (store.Head, error) {
	if p.armed.CompareAndSwap(true, false) {
		panic("a defect")
	}
	return p.faulty.Heartbeat(ctx, beat)
}

// The fault: a background loop panics. What it did not do must not pass
// for done, and the process goes on.
func TestALoopThatPanicsFencesAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(strings.Builder)
		shared := &panicking{faulty: faulty{Fleet: shared()}}
		r := start(t, shared, replica.Options{Lease: lease, Logger: textLogger(log)})
		<-r.Synced()
		_, token := revocation("s")
		time.Sleep(2*lease + 10*time.Millisecond)
		shared.armed.Store(true)
		for r.Check(token, replica.At(time.Now())) == replica.Clear {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(lease / 2)
		wantVerdict(t, r, token, replica.Clear)
		if !strings.Contains(log.String(), "a background loop panicked") {
			t.Errorf("the log says %q", log)
		}
	})
}
