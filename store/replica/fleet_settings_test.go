package replica_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/logtest"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Rule R12. Attack: two gates have different configured leases, and a client logs out at
// the gate with the shorter one. That gate must not wait for the shorter lease only.
func TestAGateUsesTheLeaseOfTheFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		log := new(logtest.Text)
		first := start(t, server.Connect(nil), replica.Options{Lease: lease})
		<-first.Synced()
		second := start(t, server.Connect(nil), replica.Options{Lease: lease / 10, Logger: textLogger(log)})
		<-second.Synced()
		time.Sleep(lease)
		synctest.Wait()
		if got := second.Status().Lease; got != lease {
			t.Errorf("the second gate's lease is %v, want the fleet's %v", got, lease)
		}
		if !strings.Contains(log.String(), "another lease than the fleet has") {
			t.Errorf("the log output is %q", log)
		}
	})
}

// Fault: the head is lost, and a gate with a shorter configured lease creates the new one.
// Another gate is cut off at that time and still admits by the old lease. The answer to a
// logout must wait for the old lease.
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

// Attack: keep a token that lives longer than revocations were kept when it was issued.
// Log out with another token of the session. Wait until the retention and the maximum
// lifetime of tokens have been raised.
func TestARaisedRetentionKeepsWhatIsHeld(t *testing.T) {
	const before, after, margin = 3 * time.Hour, 6 * time.Hour, 11 * time.Minute
	options := replica.Options{Lease: calm, Retention: before, Margin: margin, Clock: bubble{}}
	raised := options
	raised.Retention = after
	for name, raise := range map[string]func(server *model.Server, r *replica.Replica){
		"by the gate that holds it": func(_ *model.Server, r *replica.Replica) { r.Configure(raised) },
		"and then the head is lost": func(server *model.Server, r *replica.Replica) {
			r.Configure(raised)
			time.Sleep(time.Minute)
			server.Flush()
		},
		"while the head is lost": func(server *model.Server, r *replica.Replica) {
			server.Flush()
			r.Configure(raised)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := model.NewServer(1, 100)
				r := start(t, server.Connect(nil), options)
				<-r.Synced()
				time.Sleep(2 * calm)
				long := make(map[string]*store.Keys)
				for i, session := range []string{"forgotten", "held"} {
					revoked, token := revocation(session)
					revoked.Expires = time.Now().Add(before + margin).Unix()
					token.IssuedAt, token.Expires = time.Now().Unix(), time.Now().Add(after).Unix()
					mustRevoke(t, r, revoked)
					long[session] = token
					time.Sleep([]time.Duration{before + 2*time.Hour, before - time.Hour}[i])
				}
				_, live := revocation("lives on")
				live.IssuedAt, live.Expires = time.Now().Add(-before+time.Minute).Unix(), time.Now().Add(after).Unix()
				raise(server, r)
				time.Sleep(time.Hour)
				other := start(t, server.Connect(nil), options)
				<-other.Synced()
				time.Sleep(before)
				for name, gate := range map[string]*replica.Replica{"the gate that raised it": r, "another": other} {
					if got := gate.Retention(); got != after {
						t.Errorf("%s: revocations are kept for %v, want %v", name, got, after)
					}
					wantVerdict(t, gate, live, replica.Clear)
					for session, token := range long {
						token.Expires = time.Now().Add(time.Hour).Unix()
						if got := gate.Check(token, replica.At(time.Now())); got == replica.Clear {
							t.Errorf("%s admits the token of the session %s", name, session)
						}
					}
				}
			})
		})
	}
}

// Fault: a gate is cut off while the retention of the fleet is raised, and comes back long
// after. The head knows what was forgotten before the raise, so the gate refuses no valid
// token for revocations that it missed.
//
// Attack: use a long-lived token after the 200. Entries that are on the revocation log
// when the retention is raised are held longer than their own expiry. The gate must not
// have forgotten such an entry while it was cut off.
func TestAGateThatMissedARaisedRetentionRefusesNoValidToken(t *testing.T) {
	const before, after, margin = 3 * time.Hour, 6 * time.Hour, 11 * time.Minute
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		cutOff := new(wire)
		options := replica.Options{Lease: calm, Retention: before, Margin: margin, Clock: bubble{}}
		away := start(t, server.Connect(cutOff.link), options)
		<-away.Synced()
		there := start(t, server.Connect(nil), options)
		<-there.Synced()
		time.Sleep(2 * calm)
		over, long := revocation("is over")
		over.Expires = time.Now().Add(before + margin).Unix()
		long.IssuedAt, long.Expires = time.Now().Unix(), time.Now().Add(2*after).Unix()
		mustRevoke(t, there, over)
		free := cutOff.hold("")
		options.Retention = after
		there.Configure(options)
		time.Sleep(time.Hour)
		_, live := revocation("lives on")
		live.IssuedAt, live.Expires = time.Now().Unix(), time.Now().Add(after).Unix()
		time.Sleep(after - time.Hour)
		away.Configure(options) // it cannot tell the store yet
		free()
		time.Sleep(2 * calm)
		for name, gate := range map[string]*replica.Replica{"the gate that was away": away, "another": there} {
			if got := gate.Check(live, replica.At(time.Now())); got != replica.Clear {
				t.Errorf("%s: a token that was never revoked is refused: %v", name, got)
			}
			if got := gate.Check(long, replica.At(time.Now())); got == replica.Clear {
				t.Errorf("%s admits a token of the revoked session", name)
			}
			if got := gate.Retention(); got != after {
				t.Errorf("%s: revocations are kept for %v, want %v", name, got, after)
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
