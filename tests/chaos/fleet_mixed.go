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

// gates is the number of gates in a mixed fleet.
const gates = 3

// StartMixed starts a fleet on one Redis, with a configuration of each gate that is drawn
// from a seed. The clock of Redis can be stepped. If binary is a path that Stepped
// returned, so can the clocks of the gates.
func StartMixed(tb testing.TB, seed uint64, binary string) *Fleet {
	tb.Helper()
	// Redis must be back from a restart before the shortest lease expires. Otherwise no
	// gate can confirm its contents.
	f := newFleet(tb, guardedLease)
	f.Redis = redistest.Start(tb, Logged(), redistest.Clock(0))
	f.logDir = logDir(f.Redis)
	f.mix(tb, seed, binary, f.Redis.Addr(), func(link string) string { return harness.Redis(link, namespace) })
	return f
}

// StartWatched is StartMixed on a primary with two replicas, which a sentinel watches. The
// links lead to the sentinel: a gate whose link fails does not learn of a failover.
func StartWatched(tb testing.TB, seed uint64, binary string) *Fleet {
	tb.Helper()
	f := newFleet(tb, guardedLease)
	f.watched = startWatched(tb, 2, minReplicas, redistest.Clock(0))
	f.mix(tb, seed, binary, f.watched.sentinel.Addr(), func(link string) string { return f.watched.store(link, "") })
	return f
}

// mix starts the gates, each with a link to the address and a store behind the link.
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
	// xcaddy adds its own flags only if none are given.
	flags := fmt.Sprintf("-ldflags '-w -s' -trimpath -tags nobadger,nomysql,nopgx -overlay %s", overlay)
	if err := harness.Build(binary, "XCADDY_GO_BUILD_FLAGS="+flags); err != nil {
		tb.Fatal(err)
	}
	tb.Logf("gates whose clocks can be stepped were built in %v", time.Since(began))
	return binary
}
