package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/stores"
	"github.com/sessiongate/sessiongate/store/replica"
)

// adminOf is the admin API of a process in which this app runs.
func adminOf(app *App) *adminAPI { return &adminAPI{func() (*App, error) { return app, nil }} }

// operate sends a request to the admin API and returns the status, what was said
// and the header, as Caddy would.
func operate(tb testing.TB, a *adminAPI, method, path string) (status int, body string, header http.Header) {
	tb.Helper()
	for _, route := range a.Routes() {
		if route.Pattern != path {
			continue
		}
		w := httptest.NewRecorder()
		err := route.Handler.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		var refused caddy.APIError
		if errors.As(err, &refused) {
			return refused.HTTPStatus, refused.Error(), w.Header()
		}
		if err != nil {
			tb.Fatalf("%s %s: %v", method, path, err)
		}
		return w.Code, w.Body.String(), w.Header()
	}
	tb.Fatalf("nothing answers %s", path)
	return 0, "", nil
}

func TestTheAdminAPITellsTheState(t *testing.T) {
	app := &App{module: &stores.Memory{}, namespace: "default", Bootstrap: "auto", hub: hub.New(hub.Options{})}
	status, body, header := operate(t, adminOf(app), http.MethodGet, "/session_gate/health")
	want := `{"version":"` + Version + `","store":"memory","namespace":"default","shared":false,"bootstrap":"auto","synced":false,"fenced":true,"degraded":true,` +
		`"degraded_seconds":0,"position":0,"lag":0,"revocations":0,"unconfirmed":false}` + "\n"
	if status != http.StatusOK || body != want || header.Get("Content-Type") != "application/json" || header.Get("Cache-Control") != "no-store" {
		t.Errorf("answered %d %v\n%s, want 200 with\n%s", status, header, body, want)
	}
}

// Attack: have a browser or a crawler that only reads open a log.
func TestTheAdminAPIAnswersOneMethodEach(t *testing.T) {
	app := &App{module: &stores.Memory{}, hub: hub.New(hub.Options{})}
	for path, allowed := range map[string]string{"/session_gate/health": "GET", "/session_gate/bootstrap": "POST"} {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			status, body, header := operate(t, adminOf(app), method, path)
			if refused := status == http.StatusMethodNotAllowed; refused != (method != allowed) {
				t.Errorf("%s %s is answered %d %s", method, path, status, body)
			}
			if method != allowed && header.Get("Allow") != allowed {
				t.Errorf("%s %s allows %q, want %q", method, path, header.Get("Allow"), allowed)
			}
		}
	}
}

func TestTheWordIsNotTakenWhereThereIsNothingToOpen(t *testing.T) {
	refuse := func(app *App, want string) {
		t.Helper()
		status, body, _ := operate(t, adminOf(app), http.MethodPost, "/session_gate/bootstrap")
		if status != http.StatusConflict || !strings.HasPrefix(body, "bootstrapping: ") || !strings.HasSuffix(body, want) {
			t.Errorf("answered %d %q, want 409 with %q", status, body, want)
		}
	}
	refuse(&App{module: &stores.Bolt{}, hub: hub.New(hub.Options{})}, `the store "bolt" is this machine's own, and there is no log of a fleet to open`)
	refuse(&App{module: &stores.Redis{}, hub: hub.New(hub.Options{})}, "the store is not open")
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		f.away.Store(true)
		app := f.app(t, replica.Options{}, App{})
		time.Sleep(time.Second)
		refuse(app, "the log is not in repair; the store has not answered yet")
		f.away.Store(false)
		f.awaitState(t, app, "settled")
		refuse(app, "the log is not in repair but settled; there is nothing to open")
	})
}

// Fault: the store lost everything, and nobody can vouch for what it held.
// Under `bootstrap manual` nothing is admitted until an operator says so, however
// long that takes; and then within moments.
func TestTheWordOpensTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet()
		app := f.app(t, replica.Options{Manual: true}, App{Bootstrap: "manual"})
		time.Sleep(time.Hour)
		if got := app.state(); !got.Fenced || got.State != inRepair {
			t.Fatalf("after an hour: %+v, want in repair", got)
		}
		status, body, _ := operate(t, adminOf(app), http.MethodPost, "/session_gate/bootstrap")
		var told said
		if err := json.Unmarshal([]byte(body), &told); err != nil || status != http.StatusOK || !strings.Contains(told.Message, "Other gates follow.") {
			t.Fatalf("answered %d %s", status, body)
		}
		time.Sleep(time.Second)
		if got := app.state(); got.Fenced || got.State == inRepair {
			t.Errorf("a second after the word: %+v, want open", got)
		}
	})
}

// load runs a configuration in this process, without an admin API and without a
// log.
func load(tb testing.TB, apps string) error {
	tb.Helper()
	config := fmt.Sprintf(`{"admin": {"disabled": true, "config": {"persist": false}},
		"logging": {"logs": {"default": {"writer": {"output": "discard"}}}}, "apps": {%s}}`, apps)
	return caddy.Load([]byte(config), true)
}

// The admin API must speak of the app that decides about requests, and not of
// one that it found when it was made, or provisioned itself.
func TestTheAdminAPIFollowsTheConfiguration(t *testing.T) {
	module, err := caddy.GetModule("admin.api.session_gate")
	if err != nil {
		t.Fatal(err)
	}
	api := module.New().(*adminAPI)
	gone := func(when string) {
		t.Helper()
		if status, body, _ := operate(t, api, http.MethodGet, "/session_gate/health"); status != http.StatusNotFound ||
			body != "finding the app: no configuration with session_gate is running" {
			t.Errorf("%s: answered %d %s", when, status, body)
		}
	}
	tells := func(when, bootstrap string) {
		t.Helper()
		var told gateState
		status, body, _ := operate(t, api, http.MethodGet, "/session_gate/health")
		if err := json.Unmarshal([]byte(body), &told); err != nil || status != http.StatusOK || told.Bootstrap != bootstrap {
			t.Errorf("%s: answered %d %s, want the configuration with bootstrap %s", when, status, body, bootstrap)
		}
	}
	t.Cleanup(func() { _ = caddy.Stop() })
	gone("before any configuration")
	app := func(bootstrap string) string {
		return fmt.Sprintf(`"session_gate": {"store": {"store": "memory"}, "bootstrap": %q,
			"issuer": [{"issuer": "https://a", "audience": ["a"], "hmac_secret": [%q]}]}`, bootstrap, refusalSecret)
	}
	for _, step := range []struct{ when, apps, bootstrap string }{
		{"with a configuration", app("auto"), "auto"},
		{"with another configuration", app("manual"), "manual"},
		{"with a configuration that was refused", app("never"), "manual"},
		{"with a configuration without the app", "", ""},
	} {
		if err := load(t, step.apps); (err != nil) != strings.Contains(step.apps, "never") {
			t.Fatalf("loading %s: %v", step.when, err)
		}
		if step.bootstrap == "" {
			gone(step.when)
			continue
		}
		tells(step.when, step.bootstrap)
	}
	if err := caddy.Stop(); err != nil {
		t.Fatal(err)
	}
	gone("after the stop")
}
