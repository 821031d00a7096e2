package chaos

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Attack: after a planned failover, use an ended session at a gate that does not know about
// the failover. The old primary does not know for 8 s either. It answers this gate as
// before, unless min-replicas-to-write stops it.
func TestNothingIsAdmittedByThePrimaryThatWasReplaced(t *testing.T) {
	t.Parallel()
	w := startWatched(t, 2, minReplicas)
	link := NewLink(t, w.sentinel.Addr())
	stores := []string{w.store(link.Addr(), ""), w.store(w.sentinel.Addr(), ""), w.store(w.sentinel.Addr(), "")}
	f := StartGates(t, stores, guardedLease)
	play(t, f, []scenario{{"S2 one gate does not hear of it", replaced, func(t *testing.T, f *Fleet) {
		link.Hold(ToRedis, ToGate)
		before := headOf(w.primary)
		w.sentinel.Do("SENTINEL", "FAILOVER", master)
		w.promoted(t)
		harness.Eventually(t, failoverLimit, "the other gates are with the new primary", func() bool {
			now := headOf(w.replica)
			return now["generation"] != before["generation"] && now["state"] == "settled"
		})
		var ended []Session
		for range 12 {
			s := f.NewSession()
			over(t, f, 1+len(ended)%2, s)
			ended = append(ended, s)
		}
		for _, s := range ended {
			if got := f.Request(0, s).Status; got != unavailable && got != refused {
				t.Errorf("the gate that does not know about the failover answered %d", got)
			}
		}
		link.Release()
		stayOver(t, f, ended)
	}}})
}

// headOf returns the head of the fleet's revocation log on a server.
func headOf(server *redistest.Server) map[any]any {
	fields, head := server.Do("HGETALL", "{session_gate:"+namespace+"}:head").([]any), make(map[any]any)
	for pair := range slices.Chunk(fields, 2) {
		head[pair[0]] = pair[1]
	}
	return head
}

// Attack: use a session at a gate whose primary was replaced without knowing it. Until the
// old primary misses its replica, it answers this gate's heartbeats. The first 200 of a
// gate with the new primary has to wait for that, and for a lease more.
func TestTheFirst200AfterAPartitionWaitsForTheOldPrimary(t *testing.T) {
	t.Parallel()
	const lease = 3 * time.Second
	atOnce := redistest.Config("repl-diskless-sync-delay 0")
	old := redistest.Start(t, minReplicas, atOnce)
	between := NewLink(t, old.Addr())
	promoted := redistest.StartReplicaAt(t, old, between.Addr(), minReplicas, atOnce)
	redistest.StartReplica(t, promoted, minReplicas, atOnce) // so that it can take writes
	links := []*Link{NewLink(t, old.Addr()), NewLink(t, old.Addr())}
	f := StartGates(t, []string{harness.Redis(links[0].Addr(), namespace), harness.Redis(links[1].Addr(), namespace)}, lease)

	ended, live, before := f.NewSession(), f.NewSession(), headOf(old)
	between.Hold(ToRedis, ToGate)
	promoted.Do("REPLICAOF", "NO", "ONE")
	links[1].Lead(promoted.Addr())
	f.wait(t, lease, "admit by the new primary", []int{1}, func(gate int) bool {
		return headOf(promoted)["generation"] != before["generation"] && f.Request(gate, live).Status == admitted
	})
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				f.Request(0, ended)
			}
		}
	}()
	reply := f.End(1, ended)
	if reply.Status != http.StatusOK {
		t.Errorf("the first DELETE at the new primary was answered %d after %v, want 200", reply.Status, reply.Took())
	}
	t.Logf("the first 200 came after %v", reply.Took())
	lasts(lease) // by then the gate at the old primary is certainly fenced
	close(stop)
	<-done
	if got := f.Request(0, ended).Status; got != unavailable {
		t.Errorf("the gate at the old primary answered %d at last, want 503", got)
	}
	f.Check(t)
}
