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
