package hub_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/hub/hubtest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Attack, during a rolling upgrade: list the sessions at a gate of the older version, and
// end a login there by its id. That gate takes the id for one of a session claim, revokes
// that, and answers 200, while the tokens of the login are admitted. So the store learns of
// no login until every gate knows what a login is.
func TestAFleetWithAnOlderGateKnowsNoLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lease = 3 * time.Second
		server := model.NewServer(1, 100)
		older := server.Connect(nil)
		beat := func() {
			head, err := older.Look(t.Context())
			if err == nil {
				_, err = older.Heartbeat(t.Context(), store.Heartbeat{Gate: 77, Applied: head.Position, Lease: lease, Format: 1})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		h := hub.New(hub.Options{Namespace: "orders"})
		defer h.Close()
		if !h.HasOlderGates() {
			t.Error("a hub that is not open knows that no older gate is live")
		}
		o := hub.Settings{Options: replica.Options{Lease: lease, Retention: time.Hour, Clock: hubtest.Bubble{}}}
		if err := h.Open(o, func(*slog.Logger) (store.Backend, error) { return server.Connect(nil), nil }); err != nil {
			t.Fatal(err)
		}
		for range 4 * lease / time.Second {
			beat()
			time.Sleep(time.Second)
		}
		login := store.LoginID(store.NewLoginKey("orders", "i", "alice", 100))
		note := func(id string) bool {
			noted := h.Note(new(store.Keys), store.Session{Issuer: "i", ID: id, Subject: "alice", LastSeen: time.Now().Unix()})
			time.Sleep(time.Second)
			return noted
		}
		check := func(when string, older bool, want int) {
			t.Helper()
			known, err := h.SessionsOf(t.Context(), "i", "alice")
			if h.HasOlderGates() != older || err != nil || len(known) != want {
				t.Errorf("%s: older gates %t, and the sessions %v, error %v; want %d", when, h.HasOlderGates(), known, err, want)
			}
		}
		if !note("laptop") || note(login) {
			t.Error("a session was not noted, or a login was")
		}
		check("while an older gate is live", true, 1)
		time.Sleep(4 * lease)
		if !note(login) {
			t.Error("a login was not noted")
		}
		check("when it is gone", false, 2)
	})
}
