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

// perEntry is how many bytes of a replica one revocation may take: a slot of 21
// bytes in a table that has just grown to a load of 0.53, and what the allocator
// rounds up. Nothing else lasts.
const perEntry = 43

// burst is how many sessions end at once: a million, and a twentieth of that under
// the race detector, which slows each of them down as much.
func burst(t *testing.T) int {
	t.Helper()
	build, ok := debug.ReadBuildInfo()
	if !ok {
		t.Fatal("the test does not know how it was built")
	}
	if slices.Contains(build.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		return 50_000
	}
	return 1_000_000
}

// sessionsOf returns the revocations of as many sessions.
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

// revokeAll revokes everything from several goroutines, in calls of one
// revocation up to as many as an entry may hold, every eighth of them as an offer.
// What a call brought is looked for as soon as it is over.
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

// Fault: a million sessions end at once, because an issuer was broken into.
// Attack: bring that about, so that the revocation that matters is lost in the
// crowd, or that the gates run out of memory. None is missed, neither where it
// was revoked nor by a replica that follows the log meanwhile nor by one that
// reads it afterwards; and a replica holds 43 bytes for each at the most.
func TestABurstOfAMillionRevocationsMissesNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memstore.New(nil)
		revoking, following := start(t, log, replica.Options{}), start(t, log, replica.Options{})
		all := sessionsOf(burst(t))
		synctest.Wait()
		revokeAll(t, revoking, all)
		time.Sleep(time.Second) // for what was offered
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
				t.Errorf("%d revocations are missing where they %s", n, name)
			}
			if status := r.Status(); status.Revocations != len(all) || status.Unconfirmed || status.Lag != 0 {
				t.Errorf("where they %s: %+v", name, status)
			}
		}
		_, clear := revocation("of nobody")
		wantVerdict(t, late, clear, replica.Clear)
	})
}

// heap is how many bytes are in use after everything else was collected.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one only finalized
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
