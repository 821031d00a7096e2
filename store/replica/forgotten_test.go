package replica_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Attack: the clocks of the store and of one gate are ahead, and unexpired entries are
// trimmed. A gate that starts then never held them. When the clocks are right again, the
// gate has a lease, but is no witness of the trimmed entries.
func TestAGateThatStartedAfterTheTrimIsNoWitness(t *testing.T) {
	for name, alone := range map[string]bool{"a gate with a right clock holds it": false, "no gate holds it": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, clock, good, bad, token := trimmedEarly(t, alone)
				late := start(t, server.Connect(nil), keeping(replica.Options{}))
				<-late.Synced()
				time.Sleep(2 * lease)
				clock.step(0)
				server.StepClock(-27 * time.Hour)
				for range 4000 {
					time.Sleep(time.Millisecond)
					for name, gate := range map[string]*replica.Replica{"good": good, "bad": bad, "late": late} {
						if got := gate.Check(token, replica.At(time.Now())); got == replica.Clear {
							t.Fatalf("the %s gate admits the revoked session; the floor is %d", name, late.Status().Bounds.Floor)
						}
					}
				}
			})
		})
	}
}

// Attack: a session is revoked, and the fleet forgets the revocation after its tokens have
// expired. Then the revocation log is lost, and the witness has forgotten the revocation,
// too. The witness must tell the new log up to which second it has forgotten. Otherwise a
// gate that starts with a clock hours behind admits the token.
func TestWhatWasForgottenBeforeALossStaysRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		witness := start(t, server.Connect(nil), keeping(replica.Options{}))
		<-witness.Synced()
		time.Sleep(kept + time.Minute)
		began := time.Now()
		revoked, token := made("s", began)
		mustRevoke(t, witness, revoked)
		for len(server.Log()) > 0 {
			time.Sleep(time.Minute)
		}
		server.Flush()
		time.Sleep(2 * lease)
		clock := new(skewed)
		clock.step(-time.Since(began))
		behind := start(t, server.Connect(nil), keeping(replica.Options{Clock: clock}))
		<-behind.Synced()
		time.Sleep(2 * lease)
		_, good := made("t", time.Now())
		now := replica.At(time.Now())
		if got := behind.Check(good, now); got != replica.Clear {
			t.Fatalf("the verdict about a token that was never revoked is %v", got)
		}
		if got := behind.Check(token, now); got == replica.Clear {
			t.Errorf("the revoked session is admitted; the log was trimmed by %d", behind.Status().Bounds.Swept)
		}
	})
}
