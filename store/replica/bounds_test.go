package replica_test

import (
	"cmp"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// skewed is the clock of a machine in a synctest bubble whose wall clock is off.
type skewed struct{ by atomic.Int64 }

func (s *skewed) step(by time.Duration) { s.by.Store(int64(by)) }

func (s *skewed) Now() replica.Instant {
	now := replica.At(time.Now())
	now.Wall += s.by.Load()
	return now
}

func (*skewed) Boot() time.Duration { return time.Duration(time.Now().UnixNano()) }

const (
	retention = time.Hour
	kept      = retention + 11*time.Minute // as callers compute expiries
)

// made returns the revocation of a session by the wall clock of a machine, and a token of
// that session issued now.
func made(name string, wall time.Time) (store.Revocation, *store.Keys) {
	revoked, token := revocation(name)
	revoked.Expires = wall.Add(kept).Unix()
	token.IssuedAt, token.Expires = time.Now().Unix(), time.Now().Add(retention).Unix()
	return revoked, token
}

func keeping(o replica.Options) replica.Options {
	o.Lease, o.Retention, o.Margin = cmp.Or(o.Lease, lease), retention, kept-retention
	return o
}

// Attack: the wall clock of one gate is set a day ahead for a while, so that the fleet
// forgets its revocations.
func TestAClockThatIsAheadForgetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		clock := new(skewed)
		bad := start(t, server.Connect(nil), keeping(replica.Options{Clock: clock}))
		<-bad.Synced()
		good := start(t, server.Connect(nil), keeping(replica.Options{}))
		<-good.Synced()
		time.Sleep(kept + time.Minute) // raised retentions hold no entries any more
		revoked, token := made("s", time.Now())
		mustRevoke(t, good, revoked)
		clock.step(27 * time.Hour)
		time.Sleep(2 * time.Minute)
		if status := bad.Status(); !status.Skewed || status.Offset < 26*time.Hour {
			t.Errorf("the status of the gate is %+v, want a clock error of 27 h", status)
		}
		clock.step(0)
		time.Sleep(time.Minute)
		if status := bad.Status(); status.Skewed || status.Offset != 0 {
			t.Errorf("the status of the gate is %+v, want a correct clock again", status)
		}
		fresh := start(t, server.Connect(nil), keeping(replica.Options{}))
		<-fresh.Synced()
		_, other := made("never revoked", time.Now())
		for name, gate := range map[string]*replica.Replica{"good": good, "bad": bad, "fresh": fresh} {
			if got := gate.Check(token, replica.At(time.Now())); got != replica.BySession {
				t.Errorf("the %s gate answers %v for the revoked session", name, got)
			}
			if got := gate.Check(other, replica.At(time.Now())); got != replica.Clear {
				t.Errorf("the %s gate answers %v for a new login", name, got)
			}
		}
	})
}

// trimmedEarly returns a store that has trimmed an unexpired revocation, because its clock and
// that of the gate bad are 27 h ahead, and a token of the revoked session. The gate good holds
// the revocation. It is bad itself if bad is alone.
func trimmedEarly(t *testing.T, alone bool) (server *model.Server, clock *skewed, good, bad *replica.Replica, token *store.Keys) {
	t.Helper()
	server = model.NewServer(1, 100)
	clock = new(skewed)
	bad = start(t, server.Connect(nil), keeping(replica.Options{Clock: clock}))
	<-bad.Synced()
	good = bad
	if !alone {
		good = start(t, server.Connect(nil), keeping(replica.Options{}))
		<-good.Synced()
	}
	time.Sleep(kept + time.Minute)
	var revoked store.Revocation
	revoked, token = made("s", time.Now())
	mustRevoke(t, good, revoked)
	clock.step(27 * time.Hour)
	server.StepClock(27 * time.Hour)
	time.Sleep(2 * time.Minute)
	if left := len(server.Log()); left != 0 {
		t.Fatalf("%d entries are on the log, want it trimmed", left)
	}
	return server, clock, good, bad, token
}

// Attack: the clocks of the store and one gate are ahead, because they share a machine.
// Unexpired entries are trimmed. When the store's clock is right again, the other gate
// still holds them.
func TestEntriesTrimmedByAClockThatWasAheadComeBack(t *testing.T) {
	for name, alone := range map[string]bool{"another gate's clock was right": false, "no clock was right": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, clock, good, bad, token := trimmedEarly(t, alone)
				clock.step(0)
				server.StepClock(-27 * time.Hour)
				time.Sleep(4 * lease)
				fresh := start(t, server.Connect(nil), keeping(replica.Options{}))
				<-fresh.Synced()
				time.Sleep(time.Minute)
				_, login := made("login", time.Now())
				for name, gate := range map[string]*replica.Replica{"good": good, "bad": bad, "fresh": fresh} {
					if got := gate.Check(token, replica.At(time.Now())); got != replica.BySession && (!alone || got != replica.ByFloor) {
						t.Errorf("the %s gate answers %v for the revoked session", name, got)
					}
					if got := gate.Check(login, replica.At(time.Now())); got != replica.Clear {
						t.Errorf("the %s gate answers %v for a new login", name, got)
					}
				}
				if floor := fresh.Status().Bounds.Floor; (floor != 0) != alone {
					t.Errorf("the floor is %d", floor)
				}
			})
		})
	}
}

// Attack: the store loses its data while the wall clock of the only witness is a day
// ahead. By that clock, the revocations that it holds have expired.
func TestAWitnessMergesWhatItsClockCallsExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		clock := new(skewed)
		witness := start(t, server.Connect(nil), keeping(replica.Options{Clock: clock}))
		<-witness.Synced()
		time.Sleep(2 * lease)
		revoked, token := made("s", time.Now())
		mustRevoke(t, witness, revoked)
		clock.step(25 * time.Hour)
		time.Sleep(lease)
		server.Flush()
		time.Sleep(lease)
		clock.step(0)
		fresh := start(t, server.Connect(nil), keeping(replica.Options{}))
		<-fresh.Synced()
		wantVerdict(t, fresh, token, replica.BySession)
	})
}

// The store reports which tokens its revocation log cannot judge. That bound stays until
// the store reports another; an answer without it changes nothing.
func TestWhatAStoreSaysOfItsLogStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		client := server.Connect(nil)
		local := memstore.New(nil)
		past, _ := revocation("expired")
		past.Expires = time.Now().Add(-time.Minute).Unix()
		next, _ := revocation("next")
		for name, test := range map[string]struct {
			store   store.Store
			gate    store.Store
			options replica.Options
		}{
			"a fleet's":          {client, server.Connect(nil), replica.Options{Lease: lease}},
			"this machine's own": {local, local, replica.Options{}},
		} {
			if _, err := test.store.Append(t.Context(), past); err != nil {
				t.Fatal(err)
			}
			if err := test.store.Trim(t.Context(), time.Now()); err != nil {
				t.Fatal(err)
			}
			r := start(t, test.gate, test.options)
			<-r.Synced()
			time.Sleep(lease)
			before := r.Status().Bounds.Swept
			if _, err := test.store.Append(t.Context(), next); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			mustRevoke(t, r, next)
			if after := r.Status().Bounds.Swept; before == 0 || after != before {
				t.Errorf("%s: swept was %d and is %d after an entry was read", name, before, after)
			}
		}
	})
}
