package operator_test

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// setOf returns the replica of an app that is open.
func setOf(app operator.App) *replica.Replica {
	_, set := app.Hub().Store()
	return set
}

// keysOf returns the names of the members of a value's JSON, sorted.
func keysOf(tb testing.TB, value any) string {
	tb.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		tb.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(text, &members); err != nil {
		tb.Fatal(err)
	}
	return strings.Join(slices.Sorted(maps.Keys(members)), " ")
}

func TestStateBeforeTheStoreIsOpen(t *testing.T) {
	app := operatortest.Closed(t, operator.Store{Kind: "memory", Namespace: "default"})
	want := operator.State{Version: "v1", Store: "memory", Namespace: "default", Bootstrap: "auto", Fenced: true, Degraded: true}
	if got := app.State(); !reflect.DeepEqual(got, want) {
		t.Errorf("the state is %+v, want %+v", got, want)
	}
	app.Fail(t, errors.Join(errors.New("opening store"), store.ErrDamaged))
	want.Error = "opening store; the store is damaged"
	if got := app.State(); !reflect.DeepEqual(got, want) {
		t.Errorf("the state is %+v, want %+v", got, want)
	}
	names := "admitted bad_tokens bootstrap degraded degraded_seconds error fenced lag namespace position revocations shared store synced unconfirmed version"
	if got := keysOf(t, app.State()); got != names {
		t.Errorf("the members are\n%s, want\n%s", got, names)
	}
}

func TestStateOfALocalStore(t *testing.T) {
	app := operatortest.New(t)
	revocation := store.Revocation{Kind: store.KindSession, Key: store.Key{1}, Expires: 1 << 31}
	if err := app.Hub().Revoke(t.Context(), hub.Cause{}, revocation); err != nil {
		t.Fatal(err)
	}
	got := app.State()
	if got.Fenced || got.Degraded || !got.Synced || got.Shared || got.Revocations != 1 {
		t.Errorf("the state is %+v, want synced, admitting, with one revocation", got)
	}
	if got.State != "" || got.LeaseSeconds != 0 || got.LeaseAgeSeconds != nil || got.Gates != 0 {
		t.Errorf("the state is %+v, want no lease and no fleet", got)
	}
}

// This test follows the state of a gate of a fleet, from the first answer of a new store to
// an outage.
func TestStateOfAFleet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := operatortest.NewFleet()
		app := f.App(t, replica.Options{}, "auto")
		operatortest.AwaitState(t, app, operator.InRepair)
		got := app.State()
		if !got.New {
			t.Errorf("at the first start: %+v, want a new store", got)
		}
		if got.Synced || !got.Fenced || !got.Degraded || got.LeaseAgeSeconds != nil || got.Store != "redis" || got.Namespace != "orders" || !got.Shared {
			t.Errorf("in repair: %+v", got)
		}

		<-setOf(app).Synced()
		operatortest.AwaitState(t, app, "settled")
		revocation := store.Revocation{Kind: store.KindSession, Key: store.Key{1}, Expires: 1 << 31}
		if err := setOf(app).Revoke(t.Context(), revocation); err != nil {
			t.Fatal(err)
		}
		time.Sleep(operatortest.Lease)
		got = app.State()
		if got.New {
			t.Errorf("settled: %+v, want no new store", got)
		}
		if !got.Synced || got.Fenced || got.Degraded || got.DegradedSeconds != 0 || got.Gates != 1 || got.Revocations != 1 || got.Unconfirmed {
			t.Errorf("settled: %+v", got)
		}
		if got.Position != 1 || got.Lag != 0 || len(got.Generation) != 16 || got.LeaseSeconds != 3 || got.Error != "" {
			t.Errorf("settled: %+v", got)
		}
		if age := got.LeaseAgeSeconds; age == nil || *age < 0 || *age > 0.75 {
			t.Errorf("the lease of 3 s was extended %v s ago, want a heartbeat each quarter", age)
		}

		f.Away.Store(true)
		time.Sleep(5 * time.Second)
		got = app.State()
		if !got.Synced || !got.Fenced || got.DegradedSeconds == 0 || !strings.Contains(got.Error, "no answer from redis") || strings.Contains(got.Error, "\n") {
			t.Errorf("away: %+v", got)
		}
		if age := got.LeaseAgeSeconds; age == nil || *age < 5 || *age > 5.75 {
			t.Errorf("after 5 s the lease was extended %v s ago", age)
		}
		names := "admitted bad_tokens bootstrap degraded degraded_seconds error fenced gate gates generation lag lease_age_seconds lease_seconds namespace " +
			"position revocations shared state store synced unconfirmed version"
		if got := keysOf(t, got); got != names {
			t.Errorf("the members are\n%s, want\n%s", got, names)
		}
	})
}

// A gate that admits with an old set, as the operator allows, is degraded and not fenced.
func TestStateOfAGateThatAdmitsWithAnOldSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := operatortest.NewFleet()
		app := f.App(t, replica.Options{MaxStaleness: time.Minute}, "auto")
		<-setOf(app).Synced()
		f.Away.Store(true)
		time.Sleep(2 * operatortest.Lease)
		if got := app.State(); got.Fenced || !got.Degraded {
			t.Errorf("after two leases: %+v, want degraded and not fenced", got)
		}
		time.Sleep(time.Minute)
		if got := app.State(); !got.Fenced || !got.Degraded {
			t.Errorf("after a minute more: %+v, want fenced", got)
		}
		text, err := json.Marshal(app.State())
		if err != nil || !strings.Contains(string(text), `"degraded":true`) {
			t.Errorf("written as %s, error %v", text, err)
		}
	})
}
