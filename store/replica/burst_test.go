package replica_test

import (
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// perEntry is the maximum memory of a replica per revocation, in bytes. It covers a slot
// of 21 bytes in a table that has just grown to a load of 0.53, and the rounding of the
// allocator. No other memory stays in use.
const perEntry = 43

// burst returns how many sessions end at once. It is a million, or a twentieth of that
// under the race detector, which is about twenty times slower.
func burst(t *testing.T) int {
	t.Helper()
	build, ok := debug.ReadBuildInfo()
	if !ok {
		t.Fatal("the test binary has no build information")
	}
	if slices.Contains(build.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return 50_000
	}
	return 1_000_000
}

// sessionsOf returns the revocations of n sessions.
func sessionsOf(n int) []store.Revocation {
	revocations := make([]store.Revocation, n)
	for i := range revocations {
		revocations[i], _ = revocation(strconv.Itoa(i))
	}
	return revocations
}

// missing counts the revocations that a replica does not hold.
func missing(r *replica.Replica, revocations []store.Revocation) (n int) {
	for i := range revocations {
		if !r.Holds(revocations[i].Key) {
			n++
		}
	}
	return n
}

// revokeAll revokes everything from several goroutines, in calls of one revocation up to
// the maximum of an entry. Every eighth call is a RevokeLater. It checks after each call
// that the replica holds the revocations of that call.
func revokeAll(t *testing.T, r *replica.Replica, all []store.Revocation) {
	t.Helper()
	var wait sync.WaitGroup
	for part := range slices.Chunk(all, len(all)/8) {
		wait.Go(func() {
			for call, size := 1, 1; len(part) > 0; call, size = call+1, min(2*size, store.MaxRevocations) {
				revocations := part[:min(size, len(part))]
				part = part[len(revocations):]
				if call%8 == 0 {
					r.RevokeLater(revocations...)
				} else if err := r.Revoke(t.Context(), revocations...); err != nil {
					t.Errorf("Revoke: %v", err)
				}
				if n := missing(r, revocations); n > 0 {
					t.Errorf("%d of %d revocations are missing after the call", n, len(revocations))
				}
			}
		})
	}
	wait.Wait()
}

// Fault: a million sessions end at once, because an issuer was compromised. Attack: cause
// that on purpose, so that an important revocation is lost among the others, or gates run
// out of memory.
//
// No revocation may be missing at the gate that revoked it, at a replica that follows the
// revocation log, or at one that reads it later. A replica needs at most 43 bytes per
// revocation.
func TestABurstOfAMillionRevocationsMissesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memstore.New(nil)
		revoking, following := start(t, log, replica.Options{}), start(t, log, replica.Options{})
		all := sessionsOf(burst(t))
		synctest.Wait()
		revokeAll(t, revoking, all)
		time.Sleep(time.Second) // for the revocations of RevokeLater
		synctest.Wait()

		before := heap()
		late := start(t, log, replica.Options{})
		<-late.Synced()
		synctest.Wait()
		each := float64(heap()-before) / float64(len(all))
		t.Logf("%d revocations: a replica holds %.1f bytes for each", len(all), each)
		if each > perEntry || each < 21 {
			t.Errorf("a replica holds %.1f bytes for each revocation, want 21 to %d", each, perEntry)
		}

		for name, r := range map[string]*replica.Replica{"revoked": revoking, "followed": following, "came late": late} {
			if n := missing(r, all); n > 0 {
				t.Errorf("%d revocations are missing in replicas that %s", n, name)
			}
			if status := r.Status(); status.Revocations != len(all) || status.Unconfirmed || status.Lag != 0 {
				t.Errorf("in replicas that %s: %+v", name, status)
			}
		}
		_, clear := revocation("of nobody")
		wantVerdict(t, late, clear, replica.Clear)
	})
}

// heap returns the bytes in use after garbage collection.
func heap() int64 {
	runtime.GC()
	runtime.GC() // collects what the first one only finalized
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
