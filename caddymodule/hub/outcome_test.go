package hub_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// An operator wants to know how long a logout took, also one that was retried.
func TestAnOutcomeSaysHowLongARevocationTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, hooked := newHooked(t, replica.Options{})
		why := hub.Cause{Source: store.SourceEndpoint, Issuer: "i", Subject: "alice"}
		hooked.On("Members", func() error {
			time.Sleep(time.Millisecond)
			return errors.New("no answer")
		})
		if err := h.Revoke(t.Context(), why, store.Revocation{Kind: store.KindSession, Key: sessionKey, Expires: inAnHour()}); err == nil {
			t.Fatal("confirmed")
		}
		everywhere, pending := h.events.Outcomes()
		if len(everywhere) != 0 || len(pending) != 1 || pending[0].Cause != why || pending[0].Took != time.Millisecond || len(pending[0].Revocations) != 1 {
			t.Fatalf("everywhere %v, pending %v; want one that is pending", everywhere, pending)
		}
		hooked.On("Members", nil)
		time.Sleep(3 * hub.RetryPause)
		everywhere, pending = h.events.Outcomes()
		if len(everywhere) != 1 || len(pending) != 1 || everywhere[0].Cause != why || everywhere[0].Took < hub.RetryPause {
			t.Errorf("everywhere %v, pending %v; want the retried one, which took at least %v", everywhere, pending, hub.RetryPause)
		}
	})
}

// Fault: the store goes away again while the revocations of a call are retried. What holds
// everywhere has its event, and the rest has it later, each once.
func TestAPartOfARetriedCallHasItsEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, hooked := newHooked(t, replica.Options{})
		away := func() error { return errors.New("no answer") }
		hooked.On("Members", away)
		of := func(keys ...byte) (revocations []store.Revocation) {
			for _, key := range keys {
				revocations = append(revocations, store.Revocation{Kind: store.KindSession, Key: store.Key{key}, Expires: inAnHour()})
			}
			return revocations
		}
		first, second := hub.Cause{Subject: "alice"}, hub.Cause{Subject: "bob"}
		if h.Revoke(t.Context(), first, of(1, 2, 3)...) == nil || h.Revoke(t.Context(), second, of(4)...) == nil {
			t.Fatal("confirmed")
		}
		calls := 0
		hooked.On("Members", func() error {
			if calls++; calls > 2 {
				return errors.New("no answer")
			}
			return nil
		})
		time.Sleep(3 * hub.RetryPause / 2)
		some, _ := h.events.Outcomes()
		parts := 0
		for _, o := range some {
			parts += len(o.Revocations)
		}
		if parts != 2 || len(some) > 2 {
			t.Errorf("a part is completed: %v", some)
		}
		hooked.On("Members", nil)
		time.Sleep(3 * hub.RetryPause)
		all, _ := h.events.Outcomes()
		seen := map[string]int{}
		for _, o := range all {
			seen[o.Subject] += len(o.Revocations)
		}
		if len(all) > 4 || seen["alice"] != 3 || seen["bob"] != 1 {
			t.Errorf("got %v", all)
		}
		if h.Revoke(t.Context(), first, of(5)...) != nil {
			t.Error("not confirmed")
		}
	})
}

// A call that revokes several sessions is one event, also if it was retried.
func TestARetriedCallIsOneEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, hooked := newHooked(t, replica.Options{})
		hooked.On("Members", func() error { return errors.New("no answer") })
		several := []store.Revocation{
			{Kind: store.KindSession, Key: store.Key{1}, Expires: inAnHour()},
			{Kind: store.KindSession, Key: store.Key{2}, Expires: inAnHour()},
			{Kind: store.KindToken, Key: store.Key{3}, Expires: inAnHour()},
		}
		if h.Revoke(t.Context(), hub.Cause{Subject: "alice"}, several...) == nil {
			t.Fatal("confirmed")
		}
		hooked.On("Members", nil)
		time.Sleep(3 * hub.RetryPause)
		if all, _ := h.events.Outcomes(); len(all) != 1 || len(all[0].Revocations) != 3 || h.Retries() != 0 {
			t.Errorf("got %v, want one event with three revocations", all)
		}
	})
}
