package redisstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// fullErr reports whether the error says that memory is full, and what to do.
func fullErr(err error) bool {
	return err != nil && strings.Contains(err.Error(), "OOM") && strings.Contains(err.Error(), "raise its maxmemory")
}

// Fault: Redis' memory is full. Calls that add a revocation fail as a whole. Heartbeats,
// Look, Leave and reads still work, because gates cannot miss a revocation that cannot be
// added. Trimming makes room.
func TestOutOfMemory(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	before := mustAppend(t, s, "one")
	mustBeat(t, s, 1, before)
	server.Do("CONFIG", "SET", "maxmemory", "1mb")
	merge := store.Merge{Gate: 1, Generation: before.Generation, Revocations: []store.Revocation{revocation("x")}, Then: store.Open}
	for range 2 {
		if _, err := s.Append(t.Context(), revocation("two")); !fullErr(err) {
			t.Fatalf("Append gave %v, want OOM and what to do", err)
		}
		if _, done, err := s.Merge(t.Context(), merge); !fullErr(err) || done {
			t.Fatalf("Merge gave %v, %v, want OOM and what to do", done, err)
		}
	}
	if batch := mustRead(t, s, store.Position{}); len(batch.Entries) != 1 || batch.Head != before {
		t.Errorf("what failed left %+v, want the head at %v", batch, before)
	}
	mustBeat(t, s, 2, before)
	if head := mustLook(t, s); len(head.Gates) != 2 || head.State != store.StateRepair || head.Turn != (store.Turn{}) {
		t.Errorf("with memory full, the head is %+v", head)
	}
	if err := s.Leave(t.Context(), 2); err != nil || mustLook(t, s).Live != 1 {
		t.Errorf("Leave with memory full: %v, then %+v", err, mustLook(t, s))
	}
	if err := s.Trim(t.Context(), expiry()); err != nil {
		t.Errorf("Trim with memory full: %v", err)
	}
	server.Do("CONFIG", "SET", "maxmemory", "0")
	if next := mustAppend(t, s, "three"); next.Seq != before.Seq+1 || next.Generation != before.Generation {
		t.Errorf("afterwards an append is at %v, want right after %v", next, before)
	}
}

func TestOutOfMemoryFromTheStart(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	server.Do("CONFIG", "SET", "maxmemory", "1mb")
	if _, err := s.Append(t.Context(), revocation("one")); !fullErr(err) {
		t.Errorf("Append gave %v, want OOM", err)
	}
	if keys := server.Do("KEYS", "*").([]any); len(keys) != 0 {
		t.Errorf("the failed append left %v", keys)
	}
}

// Fault: Redis is full and has lost the log. It reports that, in repair, and can be read.
func TestOutOfMemoryAfterALoss(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	before := mustAppend(t, s, "one", "two")
	server.Do("CONFIG", "SET", "maxmemory", "1mb")
	server.Do("XDEL", logKey, "1-0")
	if _, err := s.Append(t.Context(), revocation("three")); !fullErr(err) {
		t.Errorf("Append gave %v, want OOM", err)
	}
	beat := store.Heartbeat{Gate: 1, Applied: before, Lease: time.Second}
	head, err := s.Heartbeat(t.Context(), beat)
	if err != nil || head.Generation == before.Generation || head.State != store.StateRepair || head.Count != 0 {
		t.Errorf("the heartbeat was answered %+v, %v", head, err)
	}
	if batch := mustRead(t, s, store.Position{}); len(batch.Entries) != 1 || batch.Born != 2 || batch.Head != head.Position {
		t.Errorf("read %+v, want what is left", batch)
	}
}

// A Redis that cannot save, or has too few replicas, refuses every write. It gives no
// gate a lease, because heartbeats fail too.
func TestEveryWriteRefused(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "one")
	server.Do("CONFIG", "SET", "min-replicas-to-write", "1")
	for name, call := range logCalls(s, position) {
		err := call(t.Context())
		if name == "Read" || name == "waiting Read" || name == "first Read" || name == "Trim" {
			continue // these calls give no lease
		}
		if err == nil || !strings.Contains(err.Error(), "NOREPLICAS") || !strings.Contains(err.Error(), "too few replicas") {
			t.Errorf("%s gave %v, want NOREPLICAS and what to do", name, err)
		}
	}
	server.Do("CONFIG", "SET", "min-replicas-to-write", "0")
	mustBeat(t, s, 1, position)
}
