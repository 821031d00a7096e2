package redisstore_test

import (
	"errors"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// Rule R8. The log has as many entries as the head counts, but one number is missing. The
// reader finds the gap, and the log goes into repair instead of failing for ever.
func TestHoleWithTheRightCount(t *testing.T) {
	server := redistest.Start(t)
	for _, from := range []uint64{0, 3} {
		server.Do("FLUSHALL")
		s := openAt(t, server)
		position := mustAppend(t, s, "1", "2", "3", "4", "5")
		server.Do("XDEL", logKey, "4-0")
		server.Do("XADD", logKey, "6-0", "r", recordOf(t, position.Generation, revocation("6")))
		if from > 0 {
			after := store.Position{Generation: position.Generation, Seq: from}
			if batch, err := s.Read(t.Context(), after, 0); !errors.Is(err, store.ErrGeneration) {
				t.Errorf("reading across the gap gave %+v, %v; want ErrGeneration", batch, err)
			}
		}
		batch := mustRead(t, s, store.Position{})
		if len(batch.Entries) != 5 || batch.Born != 6 || batch.Head.Seq != 6 || batch.Head.Generation == position.Generation {
			t.Errorf("read %+v, want five entries left of another generation", batch)
		}
	}
}

// Rule R8. Entries may be missing up to the number at which a generation began. That
// number says nothing about another generation, of which the reader knows only a
// position.
func TestBornIsOfItsGeneration(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	mustAppend(t, s, "1", "2", "3", "4", "5")
	server.Do("DEL", headKey)
	if batch := mustRead(t, s, store.Position{}); batch.Born != 5 {
		t.Fatalf("read %+v, want a log born at 5", batch)
	}
	server.Do("FLUSHALL")
	after := mustAppend(t, openAt(t, server), "1", "2", "3", "4")
	server.Do("XDEL", logKey, "2-0")
	after.Seq = 1
	if batch, err := s.Read(t.Context(), after, 0); !errors.Is(err, store.ErrGeneration) {
		t.Errorf("reading across a gap gave %+v, %v; want ErrGeneration", batch, err)
	}
}

// Rule R8. The log has used numbers that the head does not know, and has as many entries
// as the head counts. Redis refuses the next number. The entry is appended to a log in
// repair, and a merge starts again.
func TestLogPassedTheHead(t *testing.T) {
	server := redistest.Start(t)
	pass := func() (s store.Fleet, before store.Position) {
		server.Do("FLUSHALL")
		s = openAt(t, server)
		before = mustAppend(t, s, "1", "2")
		server.Do("XADD", logKey, "9-0", "x", "y")
		server.Do("XDEL", logKey, "9-0")
		return s, before
	}
	s, before := pass()
	head, err := s.Publish(t.Context(), revocation("3"))
	if err != nil || head.Generation == before.Generation || head.Seq != 10 || head.State != store.StateRepair {
		t.Errorf("published: %+v, %v; want number 10 of a new generation", head, err)
	}
	if batch := mustRead(t, s, store.Position{}); len(batch.Entries) != 3 || batch.Born != 9 {
		t.Errorf("read %+v, want two entries left and the new one", batch)
	}
	s, before = pass()
	merge := store.Merge{Gate: 1, Generation: before.Generation, Revocations: []store.Revocation{revocation("3")}, Then: store.Open}
	head, done, err := s.Merge(t.Context(), merge)
	if err != nil || done || head.Generation == before.Generation || head.State != store.StateRepair || head.Seq != 9 {
		t.Errorf("merged: %+v, done %v, %v; want a new generation and nothing done", head, done, err)
	}
}

// Fault: head and log go back together within one process, as after DEBUG RELOAD of an old
// dump. A gate that holds more than the log reports it.
func TestLogGoneBack(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	mustAppend(t, s, "1", "2")
	head, log := server.Do("DUMP", headKey).(string), server.Do("DUMP", logKey).(string)
	position := mustAppend(t, s, "3", "4")
	server.Do("RESTORE", headKey, "0", head, "REPLACE")
	server.Do("RESTORE", logKey, "0", log, "REPLACE")
	answer, err := s.Heartbeat(t.Context(), store.Heartbeat{Gate: 1, Applied: position, Settled: true, Lease: time.Second})
	if err != nil || answer.Generation == position.Generation || answer.State != store.StateRepair || answer.Count != 0 || answer.Seq != 2 {
		t.Errorf("the heartbeat was answered %+v, %v; want a new generation of two entries", answer, err)
	}
	if look := mustLook(t, s); look.Position != answer.Position || len(look.Gates) != 0 {
		t.Errorf("after it the head is %+v", look)
	}
}

// Rule R6: an old dump is restored under the old generation, with a head and a log that
// agree. Only the process differs.
func TestRestartWithOldDump(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	saved := mustAppend(t, s, "one")
	mustBeat(t, s, 1, saved)
	server.Do("SAVE")
	position := mustAppend(t, s, "two", "three")
	server.Restart()
	eventually(t, "the log to be another", func() error {
		if _, err := s.Read(t.Context(), position, 0); !errors.Is(err, store.ErrGeneration) {
			return errors.Join(errors.New("want ErrGeneration"), err)
		}
		return nil
	})
	head := mustLook(t, s)
	if head.Seq != saved.Seq || head.State != store.StateRepair || len(head.Gates) != 0 || head.Lease != 3*time.Second {
		t.Errorf("the head is %+v, want what was saved at %v, in repair", head, saved)
	}
	if batch := mustRead(t, s, store.Position{}); batch.Head != head.Position || len(batch.Entries) != 1 || batch.Born != 1 {
		t.Errorf("read %+v, want what was saved", batch)
	}
}

// Attack: make Redis crash so that it loses revocations. With an append-only file it loses
// none, but cannot prove that.
func TestRestartWithAppendOnlyFile(t *testing.T) {
	server := redistest.Start(t, redistest.Config("appendonly yes", "appendfsync no"))
	s := openAt(t, server)
	position := mustAppend(t, s, "one", "two")
	server.Stop()
	if _, err := s.Append(t.Context(), revocation("three")); err == nil {
		t.Error("a stopped Redis acknowledged an append")
	}
	server.Restart()
	var next store.Head
	eventually(t, "the store to work again", func() (err error) {
		next, err = s.Publish(t.Context(), revocation("four"))
		return err
	})
	if next.Generation == position.Generation || next.Seq != 3 || next.State != store.StateRepair {
		t.Errorf("after the restart an append led to %+v", next)
	}
	if batch := mustRead(t, s, store.Position{}); len(batch.Entries) != 3 || batch.Born != 2 {
		t.Errorf("read %+v, want all three entries", batch)
	}
}

// A primary gets another history when its first replica attaches. A generation begins,
// and nothing else is lost.
func TestFirstReplica(t *testing.T) {
	primary := redistest.Start(t, atOnce)
	s := openAt(t, primary)
	before := mustBeat(t, s, 1, mustAppend(t, s, "one"))
	redistest.StartReplica(t, primary)
	head := mustLook(t, s)
	if head.Generation == before.Generation || head.State != store.StateRepair || head.Seq != 1 {
		t.Errorf("with its first replica, the head is %+v", head)
	}
	if again := mustLook(t, s); again.Position != head.Position {
		t.Errorf("the next look sees %+v after %+v", again, head)
	}
}

// guarded is atOnce for a server that accepts writes only with a replica.
var guarded = redistest.Config("repl-diskless-sync-delay 0", "min-replicas-to-write 1", "min-replicas-max-lag 1")

// atOnce makes a primary send its data to a new replica without waiting for further
// ones.
var atOnce = redistest.Config("repl-diskless-sync-delay 0")
