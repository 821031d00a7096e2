package hub_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/hub/hubtest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// counted returns a hub that is not open, with these counters.
func counted(c *hub.Counters) (h *hub.Hub, open func(store.Backend, error) error) {
	h = hub.New(hub.Options{Namespace: "orders", Counters: c})
	return h, func(backend store.Backend, err error) error {
		settings := hub.Settings{Options: replica.Options{Clock: hubtest.Bubble{}, Retention: time.Hour}}
		return h.Open(settings, func(*slog.Logger) (store.Backend, error) { return backend, err })
	}
}

// Fault: counts go with the store when a reload replaces it.
func TestCountersOutliveTheirHubs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(hub.Counters)
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for i := range uint64(3) {
			h, open := counted(c)
			if err := open(memstore.New(nil), nil); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			for range 10 {
				if running, verdict := enter(h, r); verdict != replica.Clear {
					t.Fatalf("the verdict is %v", verdict)
				} else if running.Leave() {
					t.Fatal("it was cut")
				}
			}
			if n := c.Admitted(); n != 10*(i+1) {
				t.Errorf("%d were admitted, want %d", n, 10*(i+1))
			}
			fenced := c.Fenced()
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if n := c.Admitted(); n != 10*(i+1) || c.Fenced() != fenced {
				t.Errorf("after Close %d were admitted, and the hub is fenced for %v after %v", n, c.Fenced(), fenced)
			}
		}
	})
}

// A gate whose store is damaged refuses everything, so it is fenced. One that only
// failed to start, or was never started, counts nothing.
func TestADamagedStoreCountsAsFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(hub.Counters)
		counted(c)
		failing, openFailing := counted(c)
		if err := openFailing(nil, store.ErrLocked); err == nil {
			t.Fatal("a locked store was opened")
		}
		time.Sleep(time.Minute)
		if err := failing.Close(); err != nil || c.Fenced() != 0 {
			t.Errorf("fenced for %v, %v", c.Fenced(), err)
		}
		h, open := counted(c)
		if err := open(nil, fmt.Errorf("opening: %w", store.ErrDamaged)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if c.Fenced() != time.Minute {
			t.Errorf("fenced for %v, want a minute", c.Fenced())
		}
		if err := open(memstore.New(nil), nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		time.Sleep(time.Minute)
		if c.Fenced() != time.Minute {
			t.Errorf("after the repair, fenced for %v, want a minute", c.Fenced())
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// away is a store that answers nothing about sessions.
type away struct{ *memstore.Store }

var errAway = errors.New("connection refused")

func (away) Seen(context.Context, ...store.Session) error { return errAway }

func (away) Owner(_ context.Context, _, id string) (string, error) {
	if id == "unknown" {
		return "", store.ErrUnknownSession
	}
	return "", errAway
}

func (away) Of(context.Context, string, string) ([]store.Session, error) { return nil, errAway }

// Failed calls are counted. Answers are not: a session that is unknown, a login with too many
// tokens.
func TestFailedCallsForSessionsAndTokensAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(hub.Counters)
		hooked := &hubtest.Hooked{Backend: away{memstore.New(nil)}}
		h, open := counted(c)
		if err := open(hooked, nil); err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		synctest.Wait()
		for id, failed := range map[string]uint64{"unknown": 0, "s": 1} {
			before := c.Sessions.Load()
			if err := h.Owned(t.Context(), "i", id, func(string) bool { return true }); err == nil || c.Sessions.Load()-before != failed {
				t.Errorf("%s: %v, counted %d, want %d", id, err, c.Sessions.Load()-before, failed)
			}
		}
		if _, err := h.SessionsOf(t.Context(), "i", "alice"); err == nil || c.Sessions.Load() != 2 {
			t.Errorf("%v, counted %d", err, c.Sessions.Load())
		}
		for err, failed := range map[error]uint64{store.ErrFullFamily: 0, store.ErrManyFamilies: 0, errAway: 3} {
			before := c.Tokens.Load()
			for _, call := range []string{"Learn", "Known", "Members"} {
				hooked.On(call, func() error { return err })
			}
			_ = h.Tokens().Learn(t.Context(), store.Grant{})
			_, _ = h.Tokens().Known(t.Context(), tokenKey)
			_, _ = h.Tokens().Members(t.Context(), sessionKey)
			if n := c.Tokens.Load() - before; n != failed {
				t.Errorf("%v: counted %d, want %d", err, n, failed)
			}
		}
	})
}

// What is retried is pending until it holds everywhere.
func TestUnconfirmedRevocationsArePending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, hooked := newHooked(t, replica.Options{})
		if n := h.Unconfirmed(); n != 0 {
			t.Errorf("%d are pending", n)
		}
		hooked.On("Members", func() error { return errAway })
		for i := range 3 {
			session := store.Revocation{Kind: store.KindSession, Key: store.Key{byte(i + 1)}, Expires: inAnHour()}
			if err := h.Revoke(t.Context(), hub.Cause{}, session); err == nil {
				t.Fatal("confirmed")
			}
		}
		if n := h.Unconfirmed(); n != 3 {
			t.Errorf("%d are pending, want 3", n)
		}
		hooked.On("Members", nil)
		time.Sleep(3 * hub.RetryPause)
		if n := h.Unconfirmed(); n != 0 {
			t.Errorf("%d are pending at the end", n)
		}
		if size := h.Size(); size.Sessions != 3 || size.Bytes == 0 {
			t.Errorf("the size is %+v", size)
		}
	})
}
