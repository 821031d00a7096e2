package hub_test

import (
	"log/slog"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/hub/hubtest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// openHub is a hub on a store, with the events that subscribers receive.
type openHub struct {
	*hub.Hub
	events hubtest.Events
}

// newOpen returns a hub that is open on a store, after the first sync, within a synctest
// bubble. It is closed with the test.
func newOpen(t *testing.T, o replica.Options, backend store.Backend) *openHub {
	t.Helper()
	h := new(openHub)
	h.Hub = hub.New(hub.Options{Namespace: "orders", Events: &h.events})
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	o.Clock = hubtest.Bubble{}
	if o.Retention == 0 {
		o.Retention = time.Hour
	}
	if err := h.Open(hub.Settings{Options: o}, func(*slog.Logger) (store.Backend, error) { return backend, nil }); err != nil {
		t.Fatal(err)
	}
	_, set := h.Store()
	<-set.Synced()
	return h
}

// newHooked is newOpen on a store in memory, whose calls can be hooked.
func newHooked(t *testing.T, o replica.Options) (*openHub, *hubtest.Hooked) {
	t.Helper()
	hooked := &hubtest.Hooked{Backend: memstore.New(nil)}
	return newOpen(t, o, hooked), hooked
}

var (
	sessionKey, tokenKey = store.Key{1}, store.Key{2}
	ofSession            = []store.Key{sessionKey}
)

// mustLearn makes the store learn that an access token belongs to the session.
func mustLearn(t *testing.T, to store.Grants, token store.Key) {
	t.Helper()
	expires := time.Now().Add(time.Hour).Unix()
	if err := to.Learn(t.Context(), store.Grant{Token: token, Access: true, Families: ofSession, Expires: expires}); err != nil {
		t.Fatal(err)
	}
}

// inAnHour returns the time until which the revocations of these tests are kept.
func inAnHour() int64 { return time.Now().Add(time.Hour).Unix() }
