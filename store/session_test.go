package store_test

import (
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

func TestSessionLimitsHaveDefaults(t *testing.T) {
	for limits, want := range map[store.SessionLimits]store.SessionLimits{
		{}:                       {Subject: store.MaxSessionsOf, Total: store.MaxSessions},
		{Subject: 3}:             {Subject: 3, Total: store.MaxSessions},
		{Total: 5}:               {Subject: store.MaxSessionsOf, Total: 5},
		{Subject: -1, Total: -1}: {Subject: store.MaxSessionsOf, Total: store.MaxSessions},
	} {
		if got := limits.OrDefault(); got != want {
			t.Errorf("%+v become %+v, want %+v", limits, got, want)
		}
	}
}
