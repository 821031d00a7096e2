package replica_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// upTo returns the revocation of a session by instant, with an origin, and the keys of a
// token whose subject authenticated after it.
func upTo(name string, instant int64) (store.Revocation, *store.Keys) {
	r, token := revocation(name)
	r.NotBefore, r.Origin = instant, store.Origin{Source: store.SourceEndpoint, Reason: "why", Made: 7}
	token.AuthTime = instant + 1
	return r, token
}

// newest waits until a fleet knows that every gate understands the newest format.
func newest(t *testing.T, gates []gate) {
	t.Helper()
	for range 20 {
		time.Sleep(lease / 2)
		know := 0
		for _, g := range gates {
			if g.Status().Format == store.Format {
				know++
			}
		}
		if know == len(gates) {
			return
		}
	}
	t.Fatalf("the gates know format %d", gates[0].Status().Format)
}

// older is a gate of the older version, which understands format 1. It applies the log, and
// stops when stop is called.
func older(t *testing.T, c *model.Client) (stop func()) {
	t.Helper()
	beat := func() {
		head, err := c.Look(t.Context())
		if err == nil {
			_, err = c.Heartbeat(t.Context(), store.Heartbeat{Gate: 77, Applied: head.Position, Lease: lease, Format: 1})
		}
		if err != nil {
			t.Error(err)
		}
	}
	beat()
	stopped := make(chan struct{})
	go func() {
		for {
			select {
			case <-stopped:
				return
			case <-time.After(lease / 8):
				beat()
			}
		}
	}()
	return func() { close(stopped) }
}

// Fault: a rolling upgrade. While a gate of the older version lives, the log holds nothing
// that it cannot read: a session is revoked for good, at every gate. When it has been gone
// for a lease, revocations carry their instant and their origin.
func TestTheLogHasTheFormatOfTheOldestGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		stop := older(t, server.Connect(nil))
		gates := fleet(t, server, 2, replica.Options{})
		last := func() store.Revocation {
			log := server.Log()
			return log[len(log)-1].Revocations[0]
		}
		time.Sleep(3 * lease)
		first, _ := upTo("first", 200)
		mustRevoke(t, gates[0].Replica, first)
		if want := first.In(1); last() != want {
			t.Errorf("the log has %v, want %v", last(), want)
		}
		for _, g := range gates {
			_, token := upTo("first", 200)
			wantVerdict(t, g.Replica, token, replica.BySession)
		}
		later, _ := upTo("later", 200) // published by the repair
		gates[0].RevokeLater(later)
		synctest.Wait()
		if want := later.In(1); last() != want {
			t.Errorf("the log has %v, want %v", last(), want)
		}

		stop()
		newest(t, gates)
		second, _ := upTo("second", 200)
		mustRevoke(t, gates[0].Replica, second)
		if last() != second {
			t.Errorf("the log has %v, want %v", last(), second)
		}
		for _, g := range gates {
			_, token := upTo("second", 200)
			wantVerdict(t, g.Replica, token, replica.Clear)
			token.AuthTime--
			token.Clear.Store(0)
			wantVerdict(t, g.Replica, token, replica.BySession)
		}
	})
}

// Fault: Redis loses everything. A new head knows no format, but the fleet had one. The
// revocations that a gate puts back keep their instants, so that nobody who logged in again
// is logged out for good.
func TestARepairKeepsInstants(t *testing.T) {
	for name, lose := range map[string]func(*model.Server, []gate){
		"with a witness": func(s *model.Server, _ []gate) { s.Flush() },
		"without a witness": func(s *model.Server, gates []gate) {
			var releases []func()
			for _, g := range gates {
				releases = append(releases, g.wire.hold(""))
			}
			s.RestartEmpty()
			time.Sleep(2 * lease)
			for _, release := range releases {
				release()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := model.NewServer(1, 100)
				gates := fleet(t, server, 2, replica.Options{})
				newest(t, gates)
				revoked, _ := upTo("s", 200)
				mustRevoke(t, gates[0].Replica, revoked)
				raised := revoked
				raised.NotBefore = 300
				mustRevoke(t, gates[1].Replica, raised)
				lose(server, gates)
				time.Sleep(4 * lease)
				raised.Origin = store.Origin{} // the set does not keep it
				wantOnLog(t, server, raised)
				late := start(t, server.Connect(nil), replica.Options{Lease: lease})
				<-late.Synced()
				for authTime, want := range map[int64]replica.Verdict{300: replica.BySession, 301: replica.Clear} {
					_, token := upTo("s", authTime-1)
					wantVerdict(t, late, token, want)
				}
			})
		})
	}
}

// A store of this machine has no older gates.
func TestALocalLogHasTheNewestFormat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memstore.New(nil)
		r := start(t, log, replica.Options{})
		<-r.Synced()
		revoked, _ := upTo("s", 200)
		mustRevoke(t, r, revoked)
		batch, err := log.Read(t.Context(), store.Position{}, 0)
		if err != nil || len(batch.Entries) != 1 || batch.Entries[0].Revocations[0] != revoked || r.Status().Format != store.Format {
			t.Errorf("the log holds %+v, %v; want %v", batch.Entries, err, revoked)
		}
	})
}

// Attack: revoke many sessions at once, each with a long reason of its own. The calls do not
// share an entry that would be too large, and each of them is answered.
func TestCallsThatShareAnEntryShareItsReasons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const calls = 3 * store.MaxReasons / store.MaxReason
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 1, replica.Options{})
		newest(t, gates)
		release := gates[0].wire.hold("Publish")
		errs := make(chan error, calls)
		for i := range calls {
			r, _ := revocation(string(rune(1000 + i)))
			r.Reason = strings.Repeat("x", store.MaxReason-2) + string(rune('à'+i%7))
			go func() { errs <- gates[0].Revoke(t.Context(), r) }()
		}
		synctest.Wait()
		release()
		for range calls {
			if err := <-errs; err != nil {
				t.Fatal(err)
			}
		}
		if n := len(server.Log()); n < 3 || n > 6 {
			t.Errorf("%d entries, want four or so", n)
		}
	})
}
