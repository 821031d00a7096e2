package copying_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// mute is a Redis that ignores the heartbeats of one gate while it is silent.
type mute struct {
	*redisstore.Store
	silent atomic.Bool
}

func (m *mute) Heartbeat(ctx context.Context, beat store.Heartbeat) (store.Head, error) {
	if m.silent.Load() {
		return store.Head{}, errors.New("silent")
	}
	return m.Store.Heartbeat(ctx, beat)
}

// Attack: cut a gate off while it raises the floor. It would report the floor as raised
// after a lease, although no other gate knows it.
func TestAFloorThatTheStoreHasNotHeardOfIsNotRaised(t *testing.T) {
	address, namespace := redistest.Address(t)
	open := func() *mute {
		s, err := redisstore.Open(redisstore.Options{Addresses: []string{address}, Namespace: namespace})
		if err != nil {
			t.Fatal(err)
		}
		return &mute{Store: s}
	}
	cut := open()
	a := place(t, "a", cut, 300*time.Millisecond, day)
	b := place(t, "b", open(), 300*time.Millisecond, day)
	ready(t, a)
	ready(t, b)
	floor := store.Bounds{Floor: time.Now().Unix()}
	cut.silent.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := a.Replica.Raise(ctx, floor); err == nil {
		t.Error("Raise reports a floor that the store does not have")
	}
	cut.silent.Store(false)
	if err := a.Replica.Raise(t.Context(), floor); err != nil || b.Replica.Status().Bounds.Refused() != floor.Floor {
		t.Errorf("Raise returns %v, and the floor of the other gate is %d, want %d", err, b.Replica.Status().Bounds.Refused(), floor.Floor)
	}
}
