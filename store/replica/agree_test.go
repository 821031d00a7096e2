package replica_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Rule R12: two gates with two leases would wait for each other by the wrong one.
// The attack is to log out at the gate that waits too short.
func TestTheLeaseIsTheFleets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		log := new(strings.Builder)
		first := start(t, server.Connect(nil), replica.Options{Lease: lease})
		<-first.Synced()
		second := start(t, server.Connect(nil), replica.Options{Lease: lease / 10, Logger: textLogger(log)})
		<-second.Synced()
		time.Sleep(lease)
		synctest.Wait()
		if got := second.Status().Lease; got != lease {
			t.Errorf("the second gate's lease is %v, want the fleet's %v", got, lease)
		}
		if !strings.Contains(log.String(), "the fleet has another lease") {
			t.Errorf("the log says %q", log)
		}
	})
}

// The fault: the head is lost (F8), and a gate with a shorter lease in its
// configuration is the first to make it anew. A gate that is cut off just then
// admits by the old lease, and the answer to a logout must still wait for it.
func TestALeaseIsNotShortenedByTheLossOfTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		cutOff := new(wire)
		first := start(t, server.Connect(cutOff.link), replica.Options{Lease: lease})
		<-first.Synced()
		second := start(t, server.Connect(nil), replica.Options{Lease: lease / 3})
		<-second.Synced()
		time.Sleep(2 * lease)
		cutOff.hold("")
		server.Flush()
		time.Sleep(lease / 3)
		revoked, token := revocation("s")
		mustRevoke(t, second, revoked)
		wantVerdict(t, first, token, replica.Unavailable)
		if got := second.Status().Lease; got != lease {
			t.Errorf("the lease is %v after the loss, want %v", got, lease)
		}
	})
}

// Rule R12: the retention is raised, together with how long tokens may live. The
// attack: keep a token that was issued before, and lives longer than revocations
// were kept then; log out by another token of the session, and wait.
func TestATokenFromBeforeARaiseIsHeldToTheOldRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		const before, after = 24 * time.Hour, 48 * time.Hour
		r := start(t, server.Connect(nil), replica.Options{Lease: lease, Retention: before})
		<-r.Synced()
		token := func(issued time.Time, lifetime time.Duration) *store.Keys {
			_, keys := revocation("s")
			keys.IssuedAt, keys.Expires = issued.Unix(), issued.Add(lifetime).Unix()
			return keys
		}
		now := time.Now()
		long, short := token(now, before+time.Hour), token(now, before)
		wantVerdict(t, r, long, replica.Clear)
		time.Sleep(time.Minute)

		r.Configure(replica.Options{Lease: lease, Retention: after, Clock: bubble{}})
		other := start(t, server.Connect(nil), replica.Options{Lease: lease, Retention: before})
		<-other.Synced()
		time.Sleep(time.Minute)
		for name, gate := range map[string]*replica.Replica{"the gate that raised it": r, "another": other} {
			if got := gate.Retention(); got != after {
				t.Errorf("%s: revocations are kept for %v, want %v", name, got, after)
			}
			for issued, want := range map[*store.Keys]replica.Verdict{
				long: replica.Outlived, short: replica.Clear, token(time.Now(), after): replica.Clear,
			} {
				if got := gate.Check(issued, replica.At(time.Now())); got != want {
					t.Errorf("%s: a token of %v is %v, want %v", name, time.Duration(issued.Expires-issued.IssuedAt)*time.Second, got, want)
				}
			}
		}
	})
}

func TestTheStatusTellsTheStateOfTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 3, replica.Options{})
		revoked, _ := revocation("s")
		mustRevoke(t, gates[0].Replica, revoked)
		time.Sleep(lease)
		status := gates[1].Status()
		if !status.Synced || status.Fenced || status.Degraded || status.Err != nil || status.State != store.StateSettled {
			t.Errorf("the status is %+v", status)
		}
		if status.Gates != 3 || status.Position.Seq != 1 || status.Position.Generation == 0 || status.Lag != 0 || status.Lease != lease {
			t.Errorf("the status is %+v", status)
		}
		if status.Age < 0 || status.Age > lease/4+lease/100 || time.Since(status.Heard) != status.Age {
			t.Errorf("the lease is %v old, asked for at %v", status.Age, status.Heard)
		}
	})
}
