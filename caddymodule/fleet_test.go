package caddymodule

import (
	"log/slog"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/hub/hubtest"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/caddymodule/stores"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// fleetApp returns an app on the store of a fleet, as if it was configured and started, in
// a synctest bubble. It is stopped with the test.
func fleetApp(tb testing.TB, f *operatortest.Fleet, o replica.Options, app App) *App {
	tb.Helper()
	o.Lease, o.Clock = operatortest.Lease, hubtest.Bubble{}
	app.module, app.namespace, app.logger = new(stores.Redis), "orders", slog.New(slog.DiscardHandler)
	app.hub = hub.New(hub.Options{Namespace: app.namespace})
	mustOpen(tb, app.hub, o, f.Connect())
	return &app
}

// mustOpen opens a hub on a store, and closes it with the test.
func mustOpen(tb testing.TB, h *hub.Hub, o replica.Options, backend store.Backend) {
	tb.Helper()
	tb.Cleanup(func() {
		if err := h.Close(); err != nil {
			tb.Errorf("Close: %v", err)
		}
	})
	if err := h.Open(hub.Settings{Options: o}, func(*slog.Logger) (store.Backend, error) { return backend, nil }); err != nil {
		tb.Fatal(err)
	}
}

// mustFindDamaged opens a hub on a store that is damaged.
func mustFindDamaged(tb testing.TB, h *hub.Hub, damaged error) {
	tb.Helper()
	if err := h.Open(hub.Settings{}, func(*slog.Logger) (store.Backend, error) { return nil, damaged }); err != nil {
		tb.Fatal(err)
	}
}
