package chaos

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/chaos/stepped"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// gates is how many a mixed fleet has.
const gates = 3

// StartMixed starts a fleet on one Redis whose gates differ in their configuration, by
// a seed, and whose clocks can be stepped: that of Redis, and those of the gates if a
// binary is named that Stepped built.
func StartMixed(tb testing.TB, seed uint64, binary string) *Fleet {
	tb.Helper()
	// Redis has to be back from a restart before the shortest lease is over: otherwise
	// nobody vouches for what it lost.
	f := newFleet(tb, guardedLease)
	f.Redis = redistest.Start(tb, Logged(), redistest.Clock(0))
	f.logDir = logDir(f.Redis)
	f.mix(tb, seed, binary, f.Redis.Addr(), func(link string) string { return harness.Redis(link, namespace) })
	return f
}

// StartWatched is StartMixed on a primary with two replicas, which a sentinel watches.
// The links lead to the sentinel: a gate whose link fails does not hear of a failover.
func StartWatched(tb testing.TB, seed uint64, binary string) *Fleet {
	tb.Helper()
	f := newFleet(tb, guardedLease)
	f.watched = startWatched(tb, 2, minReplicas, redistest.Clock(0))
	f.mix(tb, seed, binary, f.watched.sentinel.Addr(), func(link string) string { return f.watched.store(link, "") })
	return f
}

// mix starts the gates, each with a link to an address and a store at the link.
func (f *Fleet) mix(tb testing.TB, seed uint64, binary, address string, store func(link string) string) {
	tb.Helper()
	f.mixed, f.clocks.redis, f.clocks.gates = true, true, binary
	random := rand.New(rand.NewPCG(seed, 1))
	links, stores := make([]*Link, gates), make([]string, gates)
	for i := range links {
		links[i] = NewLink(tb, address)
		stores[i] = store(links[i].Addr())
	}
	f.start(tb, stores, func(gate int) string {
		app := mixed(random.Float64(), f.lease)
		tb.Logf("gate %d: %q", gate, app)
		return app
	})
	f.connect(links)
}

// Stepped builds gates whose wall clock can be stepped, and returns the binary.
func Stepped(tb testing.TB) string {
	tb.Helper()
	began, directory := time.Now(), tb.TempDir()
	top, err := harness.Root()
	if err != nil {
		tb.Fatal(err)
	}
	overlay, err := stepped.Overlay(top, directory)
	if err != nil {
		tb.Fatal(err)
	}
	binary := filepath.Join(directory, "caddy")
	// xcaddy adds its own flags only where none are given.
	flags := fmt.Sprintf("-ldflags '-w -s' -trimpath -tags nobadger,nomysql,nopgx -overlay %s", overlay)
	if err := harness.Build(binary, "XCADDY_GO_BUILD_FLAGS="+flags); err != nil {
		tb.Fatal(err)
	}
	tb.Logf("gates whose clocks can be stepped were built in %v", time.Since(began))
	return binary
}
