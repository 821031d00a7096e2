package caddymodule

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/caddymodule/stores"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// probe requests a path. It returns the status, or 0 if the next handler served the
// request, and the body.
func probe(tb testing.TB, h *Health, method, path string) (status int, said map[string]any) {
	tb.Helper()
	w, passedOn := httptest.NewRecorder(), false
	next := caddyhttp.HandlerFunc(func(http.ResponseWriter, *http.Request) error {
		passedOn = true
		return nil
	})
	if err := h.ServeHTTP(w, httptest.NewRequest(method, path, nil), next); err != nil {
		tb.Errorf("%s %s: %v", method, path, err)
	}
	if passedOn {
		return 0, nil
	}
	if err := json.Unmarshal(w.Body.Bytes(), &said); err != nil {
		tb.Errorf("%s %s: answered %s: %v", method, path, w.Body, err)
	}
	if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
		tb.Errorf("%s %s: header %v", method, path, w.Header())
	}
	return w.Code, said
}

const (
	unread  = "the gate has not read the revocations yet; the gate's log says why"
	leaseUp = "the store does not answer and the lease has expired"
)

// wantProbes checks the answers of the three probes: 200 if the reason is "".
func wantProbes(tb testing.TB, h *Health, when, startup, ready string) {
	tb.Helper()
	for path, reason := range map[string]string{"/livez": "", "/startupz": startup, "/readyz": ready} {
		want, wantStatus := http.StatusOK, "ok"
		if reason != "" {
			want, wantStatus = http.StatusServiceUnavailable, "unavailable"
		}
		status, said := probe(tb, h, http.MethodGet, path)
		got, _ := said["reason"].(string)
		if status != want || said["status"] != wantStatus || got != reason {
			tb.Errorf("%s: %s answers %d %v, want %d with reason %q", when, path, status, said, want, reason)
		}
	}
}

func TestHealthBeforeTheStoreIsOpen(t *testing.T) {
	app := &App{module: &stores.Memory{}, hub: hub.New(hub.Options{})}
	wantProbes(t, &Health{app}, "before the start", unread, unread)
	// A restart does not repair a store: the process is alive, and reports nothing more.
	mustFindDamaged(t, app.hub, store.ErrDamaged)
	wantProbes(t, &Health{app}, "with a damaged store", unread, unread)
}

// An outage of the shared store must not remove all gates from their Service at once,
// unless the operator configures that. No answer may hold anything that helps an attacker,
// such as the name of the store or an error.
func TestHealthThroughAnOutage(t *testing.T) {
	for readiness, fenced := range map[string]string{"lenient": "", "strict": leaseUp} {
		t.Run(readiness, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := operatortest.NewFleet()
				f.Away.Store(true)
				app := fleetApp(t, f, replica.Options{}, App{Readiness: readiness})
				h := &Health{app}

				time.Sleep(10 * time.Second)
				wantProbes(t, h, "before the first answer", unread, unread)
				if _, said := probe(t, h, http.MethodGet, "/readyz"); said["heard_seconds_ago"] != nil || said["state"] != nil {
					t.Errorf("before the first answer: %v", said)
				}

				f.Away.Store(false)
				time.Sleep(2 * time.Second)
				wantProbes(t, h, "at the first start", reasonNew, reasonNew)
				<-setOf(app).Synced()
				synctest.Wait()
				wantProbes(t, h, "in sync", "", "")

				f.Away.Store(true)
				time.Sleep(2 * time.Second)
				wantProbes(t, h, "away, within the lease", "", "")
				time.Sleep(2 * time.Second)
				wantProbes(t, h, "away, after the lease", "", fenced)
				_, said := probe(t, h, http.MethodGet, "/readyz")
				if heard, _ := said["heard_seconds_ago"].(float64); heard < 4 || heard > 5 {
					t.Errorf("after 4 s, heard_seconds_ago is %v", said["heard_seconds_ago"])
				}

				f.Away.Store(false)
				time.Sleep(2 * time.Second)
				wantProbes(t, h, "back", "", "")
				if _, said := probe(t, h, http.MethodGet, "/startupz"); said["state"] != "settled" && said["state"] != "open" {
					t.Errorf("back: %v", said)
				}
			})
		})
	}
}

// Fault: the store lost everything while no gate could confirm its contents. A gate that
// had read it once before refuses requests, and reports the repair.
func TestHealthInRepair(t *testing.T) {
	for readiness, refused := range map[string]string{"lenient": "", "strict": reasonRepair} {
		t.Run(readiness, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := operatortest.NewFleet()
				app := fleetApp(t, f, replica.Options{Manual: true}, App{Readiness: readiness})
				operatortest.AwaitState(t, app, operator.InRepair)
				if err := setOf(app).Bootstrap(); err != nil {
					t.Fatal(err)
				}
				<-setOf(app).Synced()
				f.Away.Store(true)
				time.Sleep(2 * operatortest.Lease)
				f.Server.Flush()
				f.Away.Store(false)
				time.Sleep(10 * operatortest.Lease)
				wantProbes(t, &Health{app}, "in repair", "", refused)
			})
		})
	}
}

// A store of this machine has no lease, so its age means nothing.
func TestHealthOfALocalStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := &App{module: &stores.Memory{}, hub: hub.New(hub.Options{}), Readiness: "strict"}
		mustOpen(t, app.hub, replica.Options{}, memstore.New(nil))
		<-setOf(app).Synced()
		time.Sleep(time.Hour)
		h := &Health{app}
		wantProbes(t, h, "after an hour", "", "")
		if _, said := probe(t, h, http.MethodGet, "/startupz"); len(said) != 1 {
			t.Errorf("a local store says %v, want the status alone", said)
		}
	})
}

func TestHealthAnswersProbesOnly(t *testing.T) {
	h := &Health{&App{module: &stores.Memory{}, hub: hub.New(hub.Options{})}}
	for _, path := range []string{"/", "/healthz", "/livez/", "/Livez", "/livez/x", "/ready", "//livez"} {
		if status, _ := probe(t, h, http.MethodGet, path); status != 0 {
			t.Errorf("GET %s is answered %d, want the next handler", path, status)
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodDelete, http.MethodOptions} {
		if status, _ := probe(t, h, method, "/livez"); status != 0 {
			t.Errorf("%s /livez is answered %d, want the next handler", method, status)
		}
	}
	for _, target := range []string{"/livez?verbose", "/livez"} {
		if status, _ := probe(t, h, http.MethodHead, target); status != http.StatusOK {
			t.Errorf("HEAD %s is answered %d", target, status)
		}
	}
}
