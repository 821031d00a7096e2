package caddymodule

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/stores"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// bubble is the clock of a synctest bubble, whose machine is never suspended.
type bubble struct{}

func (bubble) Now() replica.Instant { return replica.At(time.Now()) }

func (bubble) Boot() time.Duration { return time.Duration(time.Now().UnixNano()) }

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
	o.Lease, o.Clock = fleetLease, bubble{}
	opened := &live{replica: replica.New(f.server.Connect(f.link), o)}
	tb.Cleanup(opened.replica.Close)
	app.module, app.namespace, app.shared, app.logger = new(stores.Redis), "orders", new(shared), slog.New(slog.DiscardHandler)
	app.shared.live.Store(opened)
	return &app
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
