package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/hub/hubtest"
	"github.com/sessiongate/sessiongate/caddymodule/stores"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// fleet is a shared store that can be away.
type fleet struct {
	server *model.Server
	away   atomic.Bool
}

// fleetLease is the lease of a fleet in tests.
const fleetLease = 3 * time.Second

func newFleet() *fleet { return &fleet{server: model.NewServer(1, 4096)} }

func (f *fleet) link(ctx context.Context, _ model.Call, deliver model.Deliver) (any, error) {
	if f.away.Load() {
		return nil, errors.New("no answer from redis-0.internal:6379")
	}
	return deliver(ctx)
}

// app returns an app on the fleet's store, as if it was configured and started,
// within a synctest bubble. It is stopped with the test.
func (f *fleet) app(tb testing.TB, o replica.Options, app App) *App {
	tb.Helper()
	o.Lease, o.Clock = fleetLease, hubtest.Bubble{}
	app.module, app.namespace, app.logger = new(stores.Redis), "orders", slog.New(slog.DiscardHandler)
	app.hub = hub.New(hub.Options{Namespace: app.namespace})
	mustOpen(tb, app.hub, o, f.server.Connect(f.link))
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
	if err := h.Open(o, func(*slog.Logger) (store.Backend, error) { return backend, nil }); err != nil {
		tb.Fatal(err)
	}
}

// mustFindDamaged opens a hub on a store that is damaged.
func mustFindDamaged(tb testing.TB, h *hub.Hub, damaged error) {
	tb.Helper()
	if err := h.Open(replica.Options{}, func(*slog.Logger) (store.Backend, error) { return nil, damaged }); err != nil {
		tb.Fatal(err)
	}
}

// awaitState waits until the app knows that the log is in a state.
func (f *fleet) awaitState(tb testing.TB, app *App, state string) {
	tb.Helper()
	for range 1000 {
		if app.state().State == state {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	tb.Fatalf("the log is not in the state %q but %q", state, app.state().State)
}
