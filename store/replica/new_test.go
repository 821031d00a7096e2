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

// opening is how long a log without a witness is in repair at the longest.
const opening = 3 * lease

// A gate that starts on a store that was never used says so, once, until the log is open.
func TestAFirstStartIsNew(t *testing.T) {
	for name, c := range map[string]struct {
		options replica.Options
		want    string
	}{
		"auto":   {replica.Options{}, "level=INFO msg=\"the store is new: it has never held a revocation; this gate refuses requests for two leases"},
		"manual": {replica.Options{Manual: true}, "level=WARN msg=\"the store is new: it has never held a revocation; this gate refuses requests until you run"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				logged := new(logtest.Text)
				c.options.Lease, c.options.Logger = lease, textLogger(logged)
				r := start(t, model.NewServer(1, 100).Connect(nil), c.options)
				time.Sleep(lease + lease/2)
				synctest.Wait()
				if status := r.Status(); !status.New || status.State != store.StateRepair || !status.Fenced {
					t.Errorf("the status is %+v, want a new store in repair", status)
				}
				if n := strings.Count(logged.String(), c.want); n != 1 || strings.Contains(logged.String(), "lost") {
					t.Errorf("logged\n%s\nwant one line %q", logged.String(), c.want)
				}
				if c.options.Manual {
					if err := r.Bootstrap(); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(opening)
				synctest.Wait()
				if status := r.Status(); status.New || status.Fenced {
					t.Errorf("the status is %+v, want an open log", status)
				}
			})
		})
	}
}

// Fault: a store that held revocations, or was emptied, must not be called new while a gate can
// tell the difference.
func TestAStoreThatMayHaveLostRevocationsIsNotNew(t *testing.T) {
	for name, happens := range map[string]func(*model.Server){
		"it was restarted":             (*model.Server).Restart,
		"it was emptied":               (*model.Server).RestartEmpty,
		"it has lost the log":          (*model.Server).DropLog,
		"its clock was ahead and back": func(s *model.Server) { s.StepClock(time.Hour); s.Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := model.NewServer(1, 100)
				gates := fleet(t, server, 1, replica.Options{})
				revoked, _ := revocation("s")
				mustRevoke(t, gates[0].Replica, revoked)
				release := gates[0].wire.hold("")
				time.Sleep(2 * lease)
				happens(server)
				release()
				for range 100 {
					time.Sleep(opening / 100)
					synctest.Wait()
					if status := gates[0].Status(); status.New {
						t.Fatalf("the status is %+v", status)
					}
				}
			})
		})
	}
}

// A gate that starts after the store was restarted finds entries: the store is not new.
func TestAStoreWithEntriesIsNotNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 1, replica.Options{})
		revoked, _ := revocation("s")
		mustRevoke(t, gates[0].Replica, revoked)
		gates[0].Close()
		server.Restart()
		r := start(t, server.Connect(nil), replica.Options{Lease: lease})
		for range 100 {
			time.Sleep(opening / 100)
			synctest.Wait()
			if status := r.Status(); status.New {
				t.Fatalf("the status is %+v", status)
			}
		}
		if status := r.Status(); status.Fenced {
			t.Errorf("the status is %+v, want an open log", status)
		}
	})
}
