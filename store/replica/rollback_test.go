package replica_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// wantRefused checks that no gate admits a session.
func wantRefused(t *testing.T, what, name string, gates ...*replica.Replica) {
	t.Helper()
	_, token := revocation(name)
	for i, g := range gates {
		if g.Check(token, replica.At(time.Now())) == replica.Clear {
			t.Errorf("%s: gate %d admits the session %q", what, i, name)
		}
	}
}

// Attack: the memory of the store's machine is restored from a snapshot. The process and
// the generation stay the same. Later revocations are gone from the revocation log
// although they were answered with 200, and new ones may reuse their numbers.
func TestALogThatGoesBackForgetsNothing(t *testing.T) {
	for name, way := range map[string]struct{ lost, others int }{
		"back by one and on by one":   {1, 1},
		"back by two and on by three": {2, 3},
		"back by two and idle":        {2, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			server := model.NewServer(1, 100)
			gates := fleet(t, server, 2, replica.Options{})
			before := server.Dump()
			for i := range way.lost {
				revoked, _ := revocation("lost " + strconv.Itoa(i))
				mustRevoke(t, gates[0].Replica, revoked)
			}
			server.RollBack(before)
			for i := range way.others {
				revoked, _ := revocation("other " + strconv.Itoa(i))
				mustRevoke(t, gates[0].Replica, revoked)
				wantRefused(t, name, "other "+strconv.Itoa(i), gates[0].Replica, gates[1].Replica)
			}
			time.Sleep(lease / 2)
			_, live := revocation("never revoked")
			wantVerdict(t, gates[1].Replica, live, replica.Clear) // there were witnesses
			late := start(t, server.Connect(nil), replica.Options{Lease: lease})
			<-late.Synced()
			for i := range way.lost {
				wantRefused(t, name, "lost "+strconv.Itoa(i), gates[0].Replica, gates[1].Replica, late)
			}
			for i := range way.others {
				wantRefused(t, name, "other "+strconv.Itoa(i), gates[0].Replica, gates[1].Replica, late)
			}
		})
	}
}

// Attack: the revocation log is rolled back after an entry was published and before any
// gate has read it. Another gate's entry gets the same number. When all gates have applied
// that entry, the first client must still not get its answer.
func TestAnEntryThatAnotherReplacedIsNotAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 3, replica.Options{})
		var release []func()
		for _, g := range gates {
			release = append(release, g.wire.hold("Read"))
		}
		time.Sleep(lease / 2) // the current reads end
		before := server.Dump()
		mine, _ := revocation("mine")
		answered := make(chan error, 1)
		go func() { answered <- gates[0].Revoke(t.Context(), mine) }()
		time.Sleep(10 * time.Millisecond)
		if len(server.Log()) != 1 {
			t.Fatal("the entry was not published")
		}
		server.RollBack(before)
		other, _ := revocation("other")
		if _, err := server.Connect(nil).Append(t.Context(), other); err != nil {
			t.Fatal(err)
		}
		for _, release := range release {
			release()
		}
		if err := <-answered; err != nil {
			t.Fatalf("Revoke: %v", err)
		}
		wantRefused(t, "after the 200", "mine", gates[0].Replica, gates[1].Replica, gates[2].Replica)
	})
}

// Attack: the revocation log is rolled back to before its present generation began. The
// restored generation is open, and lacks the entries that were merged into the next.
func TestAGenerationThatComesBackIsNotTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{})
		before := server.Dump()
		server.DropLog()
		time.Sleep(lease)
		revoked, _ := revocation("lost")
		mustRevoke(t, gates[0].Replica, revoked)
		server.RollBack(before)
		old := server.Peek().Generation
		time.Sleep(lease / 2)
		if now := server.Peek().Generation; now == old {
			t.Errorf("the generation %x is still in use after the rollback", uint64(old))
		}
		late := start(t, server.Connect(nil), replica.Options{Lease: lease})
		<-late.Synced()
		wantRefused(t, "after the generation came back", "lost", gates[0].Replica, gates[1].Replica, late)
	})
}

// Attack: the revocation log is rolled back to before a gate started. Its list lacks that
// gate, and gates have read further than its end. Pending and new revocations are answered
// only when that gate refuses them, too.
func TestAListThatWentBackIsNotBelieved(t *testing.T) {
	for name, underWay := range map[string]bool{"a revocation that is under way": true, "one that comes after": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := model.NewServer(1, 100)
				gates := fleet(t, server, 1, replica.Options{})
				before := server.Dump()
				var late wire
				last := start(t, server.Connect(late.link), replica.Options{Lease: lease})
				<-last.Synced()
				for i := range 5 {
					revoked, _ := revocation(strconv.Itoa(i))
					mustRevoke(t, gates[0].Replica, revoked)
				}
				release := late.hold("Read")
				time.Sleep(lease) // the current read ends
				late.hold("Heartbeat")
				revoked, _ := revocation("revoked")
				answered := make(chan error, 1)
				revoke := func() { answered <- gates[0].Revoke(t.Context(), revoked) }
				if underWay {
					go revoke()
					time.Sleep(lease / 16)
				}
				gates[0].wire.hold("Heartbeat") // by which it would find out
				server.RollBack(before)
				if !underWay {
					go revoke()
				}
				time.Sleep(lease / 8)
				select {
				case err := <-answered:
					_, token := revocation("revoked")
					t.Fatalf("answered (%v) while a gate answers %v", err, last.Check(token, replica.At(time.Now())))
				default:
				}
				release()
			})
		})
	}
}

// Attack: the revocation log is rolled back by two entries. One gate has read them,
// another has not. The other gate publishes two new entries whose numbers the first gate
// has already applied.
func TestAHeartbeatTellsWhichEntryItsNumberIsOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{})
		before := server.Dump()
		release := gates[0].wire.hold("Read")
		time.Sleep(lease) // the current read ends
		for _, name := range []string{"lost 1", "lost 2"} {
			lost, _ := revocation(name)
			if _, err := server.Connect(nil).Append(t.Context(), lost); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait() // until the second gate has read them
		server.RollBack(before)
		release()
		answered := make(chan error, 2)
		for _, name := range []string{"next 1", "next 2"} {
			next, _ := revocation(name)
			go func() { answered <- gates[0].Revoke(t.Context(), next) }()
		}
		for range cap(answered) {
			if err := <-answered; err != nil {
				t.Fatal(err)
			}
		}
		for _, name := range []string{"next 1", "next 2"} {
			wantRefused(t, "after the 200", name, gates[0].Replica, gates[1].Replica)
		}
	})
}
