package operator_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/store/replica"
)

// operate sends a request without a body to the admin API of an app.
func operate(tb testing.TB, app operator.App, method, path string) (status int, body string, header http.Header) {
	tb.Helper()
	return operatortest.Ask(tb, operatortest.Routes(app), operatortest.Request(method, path, ""))
}

func TestTheAdminAPIReturnsTheState(t *testing.T) {
	app := operatortest.Closed(t, operator.Store{Kind: "memory", Namespace: "default"})
	status, body, header := operate(t, app, http.MethodGet, "/session_gate/health")
	want := `{"version":"v1","store":"memory","namespace":"default","shared":false,"bootstrap":"auto","synced":false,"fenced":true,"degraded":true,` +
		`"degraded_seconds":0,"position":0,"lag":0,"revocations":0,"unconfirmed":false,"admitted":0,"bad_tokens":0}` + "\n"
	if status != http.StatusOK || body != want || header.Get("Content-Type") != "application/json" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("answered %d %v\n%s, want 200 with\n%s", status, header, body, want)
	}
}

// Attack: a browser or a crawler, which only reads, opens a revocation log.
func TestTheAdminAPIAnswersOneMethodEach(t *testing.T) {
	app := operatortest.Closed(t, operator.Store{Kind: "memory"})
	for path, allowed := range map[string]string{"/session_gate/health": "GET", "/session_gate/bootstrap": "POST"} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			status, body, header := operate(t, app, method, path)
			if refused := status == http.StatusMethodNotAllowed; refused != (method != allowed) {
				t.Errorf("%s %s is answered %d %s", method, path, status, body)
			}
			if method != allowed && header.Get("Allow") != allowed {
				t.Errorf("%s %s allows %q, want %q", method, path, header.Get("Allow"), allowed)
			}
		}
	}
}

func TestBootstrapIsRefusedWhereThereIsNothingToOpen(t *testing.T) {
	refuse := func(app operator.App, want string) {
		t.Helper()
		status, body, _ := operate(t, app, http.MethodPost, "/session_gate/bootstrap")
		if status != http.StatusConflict || !strings.HasPrefix(body, "bootstrapping: ") || !strings.HasSuffix(body, want) {
			t.Errorf("answered %d %q, want 409 with %q", status, body, want)
		}
	}
	refuse(operatortest.Closed(t, operator.Store{Kind: "bolt"}), `the store "bolt" is this machine's own; there is no revocation log of a fleet to open`)
	refuse(operatortest.Closed(t, operator.Store{Kind: "redis", Shared: true}), "the store is not open")
	synctest.Test(t, func(t *testing.T) {
		f := operatortest.NewFleet()
		f.Away.Store(true)
		app := f.App(t, replica.Options{}, "auto")
		time.Sleep(time.Second)
		refuse(app, "the revocation log is not in repair; the store has not answered yet")
		f.Away.Store(false)
		operatortest.AwaitState(t, app, "settled")
		refuse(app, "the revocation log is not in repair but settled; there is nothing to open")
	})
}

// Fault: the store lost everything, and no gate can confirm what it held. With `bootstrap
// manual` nothing is admitted until an operator allows it, however long that takes. After
// that, requests are admitted within moments.
func TestBootstrapOpensTheRevocationLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := operatortest.NewFleet()
		app := f.App(t, replica.Options{Manual: true}, "manual")
		time.Sleep(time.Hour)
		if got := app.State(); !got.Fenced || got.State != operator.InRepair {
			t.Fatalf("after an hour: %+v, want in repair", got)
		}
		status, body, _ := operate(t, app, http.MethodPost, "/session_gate/bootstrap")
		var answer operator.Message
		if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK || !strings.Contains(answer.Message, "The other gates follow.") {
			t.Fatalf("answered %d %s", status, body)
		}
		time.Sleep(time.Second)
		if got := app.State(); got.Fenced || got.State == operator.InRepair {
			t.Errorf("a second after the call: %+v, want open", got)
		}
	})
}
