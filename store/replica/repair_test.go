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
	"github.com/sessiongate/sessiongate/store/storetest/logtest"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// everyKind returns one revocation of each kind.
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

// wantOnLog wants revocations on the revocation log exactly as they were made.
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
			t.Errorf("the log holds %d copies of %+v", held[r], r)
		}
	}
}

// Fault: all data is deleted. One gate was connected and holds everything, so it is a
// witness. No gate waits for two leases, and no revocation is lost.
func TestAWitnessRepairsTheLogAtOnce(t *testing.T) {
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
					t.Errorf("a later gate holds %d revocations, want %d", got, len(everyKind()))
				}
			})
		})
	}
}

// Fault: an old dump is restored, or a lagging replica is promoted. Gates merge the
// missing entries only.
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

// Fault: Redis is away for longer than a lease and comes back empty. No gate is a witness,
// so every gate gets time to merge what it holds.
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
					t.Error("Bootstrap succeeded on an open log")
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

// A gate that was cut off while others opened a new generation may hold revocations that
// the others lack.
func TestAGateThatComesBackLatePublishesWhatItHolds(t *testing.T) {
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
		wantVerdict(t, other, token, replica.Clear) // no connected gate held the revocation
		release()
		time.Sleep(lease)
		_, again := revocation("s")
		wantVerdict(t, other, again, replica.BySession)
		wantOnLog(t, server, revoked)
	})
}

// Fault: during a rolling upgrade a newer gate writes an entry that older gates cannot
// read. It goes away when its retention is over.
func TestAnUnreadableEntryBlocksTheLogUntilItIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 1, replica.Options{})
		_, token := revocation("s")
		server.Poison()
		time.Sleep(margin)
		wantVerdict(t, gates[0].Replica, token, replica.Unavailable)
		if status := gates[0].Status(); !errors.Is(status.Err, store.ErrUnreadable) || status.Lag != 1 {
			t.Errorf("the status is %+v, want an unreadable entry", status)
		}
		server.Cure()
		time.Sleep(3 * margin)
		wantVerdict(t, gates[0].Replica, token, replica.Clear)
	})
}

// panicking is a shared store whose next heartbeat panics while it is armed.
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

// Fault: a background loop panics. Its unfinished work must not count as done, and the
// process keeps running.
func TestALoopThatPanicsFencesAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(logtest.Text)
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
			t.Errorf("the log output is %q", log)
		}
	})
}
