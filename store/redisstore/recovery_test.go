package redisstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// within is how soon after Redis answers again all calls must have worked. It is
// about 20 ms; go-redis by itself takes up to a second. The best of some rounds
// counts: a busy machine may hold up any one of them.
const (
	within = 400 * time.Millisecond
	rounds = 3
)

// recovers takes Redis away and brings it back, and measures how soon all calls
// work again.
func recovers(t *testing.T, s *redisstore.Store, away, back func()) {
	t.Helper()
	best := time.Hour
	for range rounds {
		away()
		fail(t, s, store.Position{})
		back()
		if best = min(best, recovery(t, s)); best < within {
			t.Logf("all calls worked after %v", best)
			return
		}
	}
	t.Errorf("all calls worked after %v at the best, want %v at the most", best, within)
}

// fail makes calls that fail, far more than a pool has connections.
func fail(t *testing.T, s *redisstore.Store, position store.Position) {
	t.Helper()
	for range 40 {
		for name, call := range map[string]func(context.Context) error{
			"Look": func(ctx context.Context) error { _, err := s.Look(ctx); return err },
			"Read": func(ctx context.Context) error { _, err := s.Read(ctx, position, 0); return err },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
			if call(ctx) == nil {
				t.Errorf("%s was answered by a Redis that is away", name)
			}
			cancel()
		}
	}
}

// recovery waits until all calls work again, as often as a gate would ask.
func recovery(t *testing.T, s *redisstore.Store) time.Duration {
	t.Helper()
	calls := logCalls(s, store.Position{})
	delete(calls, "waiting Read") // it would wait for an entry
	start := time.Now()
	for name, call := range calls {
		eventually(t, name, func() error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := call(ctx)
			if errors.Is(err, store.ErrGeneration) {
				return nil // it was answered
			}
			return err
		})
	}
	return time.Since(start)
}

// F3, F9: Redis is killed, is away for as long as many calls take to fail, and
// starts again.
func TestRecoveryFromARestart(t *testing.T) {
	for name, options := range map[string][]redistest.Option{"on a port": nil, "on a socket": {redistest.Socket()}} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, options...)
			s := openAt(t, server)
			mustAppend(t, s, "one")
			recovers(t, s, server.Stop, server.Restart)
		})
	}
}

// F3: Redis hangs, and goes on.
func TestRecoveryFromAFreeze(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	mustAppend(t, s, "one")
	recovers(t, s, server.Freeze, server.Thaw)
}

// F3, F16: one node of a Cluster is killed, and starts again with what it knew
// of the Cluster.
func TestRecoveryOfAClusterNode(t *testing.T) {
	t.Parallel()
	nodes := redistest.StartCluster(t, 1)
	s := open(t, options{Addresses: []string{nodes[0].Addr()}, Cluster: true, AllowSplitBrain: true})
	mustAppend(t, s, "one")
	recovers(t, s, nodes[0].Stop, func() {
		nodes[0].Restart()
		eventually(t, "the node to serve its slots", func() error {
			_, err := nodes[0].Try("SET", "key", "value")
			return err
		})
	})
}

// F3: the sentinel is away too.
func TestRecoveryBehindASentinel(t *testing.T) {
	primary := redistest.Start(t)
	sentinel := redistest.StartSentinel(t, primary, "mymaster")
	s := open(t, options{Addresses: []string{sentinel.Addr()}, SentinelMaster: "mymaster", AllowSplitBrain: true})
	mustAppend(t, s, "one")
	recovers(t, s, func() {
		sentinel.Stop()
		primary.Stop()
	}, func() {
		primary.Restart()
		sentinel.Restart()
	})
}
