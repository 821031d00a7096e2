package redisstore_test

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// mustBeat sends a heartbeat of a gate that has applied the log up to a
// position, and that is recorded.
func mustBeat(tb testing.TB, s store.Fleet, gate store.GateID, applied store.Position) store.Head {
	tb.Helper()
	head, err := s.Heartbeat(tb.Context(), store.Heartbeat{Gate: gate, Applied: applied, Lease: 3 * time.Second})
	if err != nil {
		tb.Fatalf("Heartbeat: %v", err)
	}
	if head.Count == 0 {
		tb.Fatalf("a heartbeat up to %v was not recorded: %+v", applied, head)
	}
	return head
}

func mustLook(tb testing.TB, s store.Fleet) store.Head {
	tb.Helper()
	head, err := s.Look(tb.Context())
	if err != nil {
		tb.Fatalf("Look: %v", err)
	}
	return head
}
