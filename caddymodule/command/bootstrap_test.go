package command

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/store/replica"
)

// Fault: an operator opens a revocation log that no gate can confirm. The command ends
// when the gate admits requests again, and not before.
func TestTheBootstrapCommandWaitsUntilTheLogIsOpen(t *testing.T) {
	for name, known := range map[string]time.Duration{
		"the loss is new": time.Second,
		"the loss is old": time.Hour,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := operatortest.NewFleet()
				app := f.App(t, replica.Options{Manual: true}, "manual")
				time.Sleep(known)
				var printed strings.Builder
				began := time.Now()
				if err := directly(t, app).bootstrap(&printed); err != nil {
					t.Fatal(err)
				}
				took, opens := time.Since(began), max(0, 2*operatortest.Lease-known)
				if took < opens || took > opens+operatortest.Lease {
					t.Errorf("open after %v, want two leases after the loss, which is in %v", took, opens)
				}
				if app.State().Fenced {
					t.Error("the command has ended and the gate refuses")
				}
				for _, want := range []string{"two leases after it learned of the loss", "The revocation log is open, and this gate admits requests.\n"} {
					if !strings.Contains(printed.String(), want) {
						t.Errorf("printed\n%s\nwant %q in it", printed.String(), want)
					}
				}
				if err := directly(t, app).bootstrap(&printed); err == nil || !strings.Contains(err.Error(), "nothing to open") {
					t.Errorf("once more: %v", err)
				}
			})
		})
	}
}

// The revocation log opens first, and the gate admits requests after that. A gate may also
// admit with an old set while the revocation log is not open yet.
func TestTheBootstrapCommandWaitsUntilTheGateAdmitsByTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, open, admitting := well(), well(), well()
		old.State, old.Degraded = operator.InRepair, true
		open.State, open.Fenced, open.Degraded = "open", true, true
		admitting.State = "open"
		states, asked := []operator.State{old, open, admitting}, 0
		c := client(func(_ time.Duration, method, _ string, _ any) ([]byte, error) {
			if method == http.MethodPost {
				return json.Marshal(operator.Message{Message: "Taken."})
			}
			asked++
			return json.Marshal(states[min(asked, len(states))-1])
		})
		if err := c.bootstrap(new(strings.Builder)); err != nil || asked != len(states) {
			t.Errorf("ended after %d answers, want %d, error %v", asked, len(states), err)
		}
	})
}

// Fault: the store is lost once more while the operator waits. The operator allowed opening
// it only after the first loss.
func TestTheBootstrapCommandSaysThatTheLogWasLostAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := operatortest.NewFleet()
		app := f.App(t, replica.Options{Manual: true}, "manual")
		operatortest.AwaitState(t, app, operator.InRepair)
		time.AfterFunc(operatortest.Lease, f.Server.Flush)
		err := directly(t, app).bootstrap(new(strings.Builder))
		if err == nil || !strings.Contains(err.Error(), "lost again meanwhile") {
			t.Errorf("error %v", err)
		}
	})
}

// Fault: the store becomes unreachable while the operator waits. The command gives up, and
// says why the gate refuses.
func TestTheBootstrapCommandGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := operatortest.NewFleet()
		app := f.App(t, replica.Options{Manual: true}, "manual")
		operatortest.AwaitState(t, app, operator.InRepair)
		time.AfterFunc(time.Second, func() { f.Away.Store(true) })
		began := time.Now()
		err := directly(t, app).bootstrap(new(strings.Builder))
		if err == nil || !strings.HasPrefix(err.Error(), "waiting for the revocation log to open: after 39s the gate still refuses") || !strings.Contains(err.Error(), "repair the store") {
			t.Errorf("error %v", err)
		}
		if took := time.Since(began); took > 3*operatortest.Lease+openGrace+time.Second {
			t.Errorf("gave up after %v", took)
		}
	})
}

// Fault: the gate ends while the operator waits, or another program answers.
func TestTheBootstrapCommandEndsWithTheGate(t *testing.T) {
	gone := errors.New("connection refused")
	taken, err := json.Marshal(operator.Message{Message: "Taken."})
	if err != nil {
		t.Fatal(err)
	}
	ending := client(func(_ time.Duration, method, _ string, _ any) ([]byte, error) {
		if method == http.MethodPost {
			return taken, nil
		}
		return nil, gone
	})
	if err := ending.bootstrap(new(strings.Builder)); !errors.Is(err, gone) {
		t.Errorf("with a gate that ends: %v", err)
	}
	other := client(func(time.Duration, string, string, any) ([]byte, error) { return []byte("<html>"), nil })
	if err := other.bootstrap(new(strings.Builder)); err == nil || !strings.HasPrefix(err.Error(), "reading the answer of the gate: ") {
		t.Errorf("with something else: %v", err)
	}
}
