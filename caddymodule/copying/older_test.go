package copying_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/copying"
	"github.com/sessiongate/sessiongate/store"
)

// older makes a gate of the older version live in the fleet of a place: it knows entries of
// format 1 alone. It has applied the log, and leaves when stop is called.
func older(t *testing.T, l *copying.Local) (stop func()) {
	t.Helper()
	f := l.Backend.(store.Fleet)
	beat := func() {
		head, err := f.Look(t.Context())
		if err == nil {
			_, err = f.Heartbeat(t.Context(), store.Heartbeat{Gate: 77, Applied: head.Position, Lease: 300 * time.Millisecond, Format: 1})
		}
		if err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	}
	beat()
	var beating sync.WaitGroup
	stopped := make(chan struct{})
	beating.Go(func() {
		for {
			select {
			case <-stopped:
				return
			case <-time.After(50 * time.Millisecond):
				beat()
			}
		}
	})
	return sync.OnceFunc(func() {
		close(stopped)
		beating.Wait()
	})
}

// Fault: a store is copied into a fleet that is being upgraded. A gate of the older version
// cannot read up to which login a session is revoked. So users who have logged in again
// would be locked out for the whole retention, and nothing says so. The copy waits for the
// upgrade, or fails, and the source goes on.
func TestACopyWaitsUntilNoOlderGateIsLeft(t *testing.T) {
	file, gates := bolt(t, day), fleet(t, day, 2)
	ready(t, file)
	ready(t, gates[0])
	login := store.Revocation{
		Kind: store.KindSession, Key: key(store.KindSession, "again"), NotBefore: 1000, Expires: soon,
		Origin: store.Origin{Source: store.SourceAdmin, Reason: "why", Made: 900},
	}
	if _, err := file.Backend.Append(t.Context(), login); err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, when string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "gate of an older version") {
			t.Errorf("%s: the copy ends with %v", when, err)
		}
		if paused(t, file) {
			t.Errorf("%s: the source is paused", when)
		}
	}
	stop := older(t, gates[0])
	defer func() { stop() }()
	await(t, "the gates know of it", func() bool { return gates[1].Replica.Status().Format == 1 })
	check(t, "an older gate is live", copying.Run(t.Context(), file, gates[1], time.Second, ignore))
	if got := logged(t, gates[0]); len(got) > 0 {
		t.Errorf("the target has %v", got)
	}

	time.AfterFunc(time.Second, stop)
	joined := false
	err := copying.Run(t.Context(), file, gates[1], timeout, func(p copying.Progress) {
		if p.Over && !joined {
			joined = true
			stop = older(t, gates[0]) // another one
			await(t, "the gates know of it", func() bool { return gates[1].Replica.Status().Format == 1 })
		}
	})
	check(t, "an older gate joins", err)

	stop()
	if err := copying.Run(t.Context(), file, gates[1], timeout, ignore); err != nil {
		t.Fatal(err)
	}
	for _, gate := range gates {
		if instant, held := gate.Replica.Instant(login.Key); !held || instant != 1000 {
			t.Errorf("a gate holds the session up to %d, %t; want 1000", instant, held)
		}
	}
}
