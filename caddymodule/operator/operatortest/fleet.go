package operatortest

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub/hubtest"
	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Lease is the lease of a Fleet.
const Lease = 3 * time.Second

// Fleet is a shared store that can be unreachable.
type Fleet struct {
	Server *model.Server
	Away   atomic.Bool
}

// NewFleet returns a store that holds nothing.
func NewFleet() *Fleet { return &Fleet{Server: model.NewServer(1, 4096)} }

// Connect returns a connection of a gate to the store.
func (f *Fleet) Connect() store.Backend {
	return f.Server.Connect(func(ctx context.Context, _ model.Call, deliver model.Deliver) (any, error) {
		if f.Away.Load() {
			return nil, errors.New("no answer from redis-0.internal:6379")
		}
		return deliver(ctx)
	})
}

// App returns an app on the store, within a synctest bubble. It is closed with the test.
func (f *Fleet) App(tb testing.TB, o replica.Options, bootstrap string) *App {
	tb.Helper()
	a := Closed(tb, operator.Store{Kind: "redis", Namespace: "orders", Place: "redis", Shared: true})
	a.Configured.Bootstrap = bootstrap
	o.Lease, o.Clock = Lease, hubtest.Bubble{}
	a.Open(tb, o, f.Connect())
	return a
}

// AwaitState waits until an app knows that the revocation log is in a state.
func AwaitState(tb testing.TB, app operator.App, state string) {
	tb.Helper()
	for range 1000 {
		if operator.StateOf(app).State == state {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	tb.Fatalf("the log is not in the state %q but %q", state, operator.StateOf(app).State)
}
