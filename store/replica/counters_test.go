package replica_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// failures returns the operations that have failed.
func failures(c *replica.Counters) map[string]bool {
	failed := make(map[string]bool)
	for o := range replica.NumOperations {
		if c.Failures(o) > 0 {
			failed[o.String()] = true
		}
	}
	return failed
}

// Fault: the store is away. What fails is counted by the kind of call, and the fenced time begins
// when the lease is over.
func TestAnOutageIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counters := new(replica.Counters)
		f := &faulty{Fleet: shared()}
		r := start(t, f, replica.Options{Lease: lease, Counters: counters})
		<-r.Synced()
		time.Sleep(2 * lease)
		if failed := failures(counters); len(failed) > 0 {
			t.Errorf("without an outage %v have failed", failed)
		}
		before := r.Status()
		if before.Remaining <= lease/2 || before.Remaining > lease || before.FencedFor > 3*lease {
			t.Errorf("the status is %+v", before)
		}
		f.fail(errAway)
		time.Sleep(time.Minute)
		during := r.Status()
		if fenced := during.FencedFor - before.FencedFor; fenced < time.Minute-lease || fenced > time.Minute-lease/2 || during.Remaining != 0 {
			t.Errorf("a minute later the status is %+v", during)
		}
		local, _ := revocation("local")
		if err := r.Revoke(t.Context(), local); err == nil {
			t.Error("a revocation is confirmed without the store")
		}
		failed := failures(counters)
		if !failed["read"] || !failed["heartbeat"] || !failed["publish"] || len(failed) != 3 {
			t.Errorf("%v have failed", failed)
		}
		f.fail(nil)
		time.Sleep(lease)
		after := r.Status()
		time.Sleep(time.Minute)
		if later := r.Status(); after.Fenced || after.FencedFor < during.FencedFor || later.FencedFor != after.FencedFor {
			t.Errorf("after the outage the status is %+v, then %+v", after, later)
		}
	})
}

// Fault: the log has lost entries, or all. That is a repair, and no failed call.
func TestRepairsAreCountedByTheirCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		counters := new(replica.Counters)
		server := model.NewServer(1, 4096)
		f := &faulty{Fleet: server.Connect(nil)}
		r := start(t, f, replica.Options{Lease: lease, Counters: counters})
		<-r.Synced()
		f.fail(store.ErrGap)
		time.Sleep(lease)
		f.fail(nil)
		time.Sleep(lease)
		if gaps := counters.Repairs(replica.RepairGap); gaps == 0 || len(failures(counters)) > 0 || counters.Repairs(replica.RepairGeneration) > 0 {
			t.Errorf("%d gaps, failed are %v", gaps, failures(counters))
		}
		server.Flush()
		time.Sleep(4 * lease)
		if n := counters.Repairs(replica.RepairGeneration); n != 1 {
			t.Errorf("%d new generations, want 1", n)
		}
	})
}

// Every word of a metric has a name of its own.
func TestOperationsAndRepairsHaveNames(t *testing.T) {
	seen := make(map[string]bool)
	for o := range replica.NumOperations {
		seen[o.String()] = true
	}
	for why := range replica.NumRepairs {
		seen[why.String()] = true
	}
	if want := int(replica.NumOperations) + int(replica.NumRepairs); len(seen) != want || seen[""] {
		t.Errorf("the names are %v, want %d", seen, want)
	}
}
