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

// within is how soon all calls must work again after Redis answers. The usual time is
// about 20 ms; go-redis by itself takes up to a second. The best of some rounds counts,
// because a busy machine may delay any of them.
const (
	within = 400 * time.Millisecond
	rounds = 3
)

// recovers stops Redis and starts it again, and measures how soon all calls work.
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
	t.Errorf("all calls worked after %v at best, want at most %v", best, within)
}

// fail makes far more failing calls than a pool has connections.
func fail(t *testing.T, s *redisstore.Store, position store.Position) {
	t.Helper()
	for range 40 {
		for name, call := range map[string]func(context.Context) error{
			"Look": func(ctx context.Context) error { _, err := s.Look(ctx); return err },
			"Read": func(ctx context.Context) error { _, err := s.Read(ctx, position, 0); return err },
		} {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
			if call(ctx) == nil {
				t.Errorf("%s was answered although Redis is stopped", name)
			}
			cancel()
		}
	}
}

// recovery waits until all calls work again. It retries as often as a gate would.
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
				return nil // it got an answer
			}
			return err
		})
	}
	return time.Since(start)
}

// Fault: Redis is killed, stays away until many calls have failed, and starts again.
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

// Fault: Redis hangs for a while.
func TestRecoveryFromAFreeze(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	mustAppend(t, s, "one")
	recovers(t, s, server.Freeze, server.Thaw)
}

// Fault: one node of a Cluster is killed, and starts again with its old view of the
// Cluster.
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

// Fault: the sentinel is unavailable, too.
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
