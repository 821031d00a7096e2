package replica_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// lag is how long a replaced primary keeps running. lagMargin adds the margin of two
// clocks.
const (
	lag       = 2500 * time.Millisecond
	lagMargin = lag + lag*3/100
)

// Attack: another primary is promoted while the old one keeps running. A gate that uses
// the old primary gets leases from it, and admits for one lease more. Meanwhile a session
// is ended at a gate that uses the new primary.
func TestAnAnswerAfterAPromotionWaitsForTheLeasesOfTheOldPrimary(t *testing.T) {
	for name, after := range map[string]time.Duration{
		"right after it":                    0,
		"when a restart would have settled": margin + lease/4 + 100*time.Millisecond,
		"just before the last lease ends":   margin + lagMargin - 100*time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := model.NewServer(1, 100)
				server.Lag(lag)
				gates := fleet(t, server, 2, replica.Options{})
				time.Sleep(2 * lease) // the first generation has a lag, too
				promoted := time.Now()
				server.Restart()
				time.Sleep(lease/8 + after) // a witness has opened the new generation
				revoked, _ := revocation("s")
				d, err := took(t, gates[0], revoked)
				if err != nil || time.Since(promoted) < margin+lagMargin || time.Since(promoted) > margin+lagMargin+lease/8 && d > margin+lease/8 {
					t.Errorf("answered (%v) after %v, %v after the promotion; want %v after it", err, d, time.Since(promoted), margin+lagMargin)
				}
				time.Sleep(lagMargin + lease/2)
				another, _ := revocation("another")
				if d, err := took(t, gates[0], another); err != nil || d > 10*time.Millisecond {
					t.Errorf("later, took %v (%v), want no wait", d, err)
				}
			})
		})
	}
}

// Attack: two failovers follow one another. A gate that used the first primary all the
// time is the witness at the third. The second primary does not list that gate, and must
// not answer as if its list were complete.
func TestTheListIsNotWholeWhileAnotherFailoverMayHaveHappened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		server.Lag(lag)
		gates := fleet(t, server, 1, replica.Options{})
		time.Sleep(3 * lease)
		promoted := time.Now()
		server.Restart()
		for state := store.StateRepair; state != store.StateSettled; state = gates[0].Status().State {
			time.Sleep(lease / 20)
		}
		if d := time.Since(promoted); d < margin+2*lagMargin || d > margin+2*lagMargin+lease/2 {
			t.Errorf("settled %v after the promotion, want %v", d, margin+2*lagMargin)
		}
	})
}

// Attack: this server was replaced, and the new one gives leases to a gate that is silent
// here. A session is ended at a gate that still uses this server. The answer has to wait
// until this server can no longer answer.
func TestAServerThatMayHaveBeenReplacedIsAskedAgainAfterItsLag(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const long = 2 * lease
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{})
		server.Lag(long)
		gates[1].wire.hold("")
		gone := time.Now()
		first, _ := revocation("first")
		if d, err := took(t, gates[0], first); err != nil || d < long {
			t.Errorf("answered (%v) after %v, want a wait of %v for a gate that may use the new server", err, d, long)
		}
		for gates[0].Status().Gates == 2 {
			time.Sleep(lease / 10)
		}
		if d := time.Since(gone); d < lease+long {
			t.Errorf("the silent gate was removed after %v, want at least %v", d, lease+long)
		}
	})
}

// No gate is a witness of the entries that the new primary lacks. Gates that hold them may
// use the old primary for as long as it runs.
func TestWithoutAWitnessTheLogIsNotOpenedBeforeTheOldPrimaryIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const long = 3 * lease
		server := model.NewServer(1, 100)
		server.Lag(long)
		began := time.Now()
		<-start(t, server.Connect(nil), replica.Options{Lease: lease}).Synced()
		if d := time.Since(began); d < long || d > long+lease {
			t.Errorf("the log was opened after %v, want %v and little more", d, long)
		}
	})
}
