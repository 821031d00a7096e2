package redisstore_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// losses are losses of data in a log of five entries, and the entries that remain.
var losses = []struct {
	name string
	lose func(t *testing.T, server *redistest.Server)
	left []uint64
}{
	{"FLUSHALL", func(_ *testing.T, server *redistest.Server) { server.Do("FLUSHALL") }, nil},
	{"FLUSHDB", func(_ *testing.T, server *redistest.Server) { server.Do("FLUSHDB", "ASYNC") }, nil},
	{"a restart with nothing", func(_ *testing.T, server *redistest.Server) { server.Restart() }, nil},
	{"a restart with all", func(_ *testing.T, server *redistest.Server) {
		server.Do("SAVE")
		server.Restart()
	}, []uint64{1, 2, 3, 4, 5}},
	{"the log deleted", func(_ *testing.T, server *redistest.Server) { server.Do("DEL", logKey) }, nil},
	{"the log expired", func(t *testing.T, server *redistest.Server) {
		server.Do("PEXPIRE", logKey, "1")
		eventually(t, "the log to be gone", func() error {
			if server.Do("EXISTS", logKey) == int64(1) {
				return errors.New("it is there")
			}
			return nil
		})
	}, nil},
	{"the head deleted", func(_ *testing.T, server *redistest.Server) { server.Do("DEL", headKey) }, []uint64{1, 2, 3, 4, 5}},
	{"an entry deleted", func(_ *testing.T, server *redistest.Server) { server.Do("XDEL", logKey, "4-0") }, []uint64{1, 2, 3, 5}},
	{"the last deleted", func(_ *testing.T, server *redistest.Server) { server.Do("XDEL", logKey, "5-0") }, []uint64{1, 2, 3, 4}},
	{"the oldest trimmed by hand", func(_ *testing.T, server *redistest.Server) { server.Do("XTRIM", logKey, "MAXLEN", "1") }, []uint64{5}},
	{"all trimmed by hand", func(_ *testing.T, server *redistest.Server) { server.Do("XTRIM", logKey, "MAXLEN", "0") }, nil},
	{"an entry that the head does not count", func(t *testing.T, server *redistest.Server) {
		server.Do("XADD", logKey, "7-0", "r", recordOf(t, 0xaa, revocation("another")))
	}, []uint64{1, 2, 3, 4, 5, 7}},
	{"the head gone back", func(_ *testing.T, server *redistest.Server) {
		server.Do("HSET", headKey, "seq", "2", "entries", "2")
	}, []uint64{1, 2, 3, 4, 5}},
	{"the head cut short", func(_ *testing.T, server *redistest.Server) { server.Do("HDEL", headKey, "trimmed") }, []uint64{1, 2, 3, 4, 5}},
	{"a number of the head that is none", func(_ *testing.T, server *redistest.Server) {
		server.Do("HSET", headKey, "seq", "many")
	}, []uint64{1, 2, 3, 4, 5}},
	{"a head of version 2", func(_ *testing.T, server *redistest.Server) { server.Do("HSET", headKey, "version", "2") }, []uint64{1, 2, 3, 4, 5}},
	{"the gates deleted, by what they have applied", loseGate("DEL", gatesKey), []uint64{1, 2, 3, 4, 5}},
	{"the gates deleted, by their counts", loseGate("DEL", beatsKey), []uint64{1, 2, 3, 4, 5}},
	{"a gate taken off the list by hand", loseGate("ZREMRANGEBYRANK", gatesKey, "0", "0"), []uint64{1, 2, 3, 4, 5}},
	{"a gate that the head does not count", loseGate("ZADD", beatsKey, "1", "0123456789abcdef"), []uint64{1, 2, 3, 4, 5}},
}

// loseGate changes the list of gates, on which there is one.
func loseGate(words ...string) func(*testing.T, *redistest.Server) {
	return func(t *testing.T, server *redistest.Server) {
		mustBeat(t, openAt(t, server), 7, mustRead(t, openAt(t, server), store.Position{}).Head)
		server.Do(words...)
	}
}

// Rules R6, R7, R8. Attack or accident: Redis loses or changes acknowledged data without
// an error. The next call of any kind begins a generation in repair. If a gate took the
// loss for "nothing new", it would admit revoked sessions.
func TestLossBeginsAGeneration(t *testing.T) {
	for _, loss := range losses {
		t.Run(loss.name, func(t *testing.T) {
			t.Parallel()
			server := redistest.Start(t)
			for name := range logCalls(openAt(t, server), store.Position{}) {
				server.Do("FLUSHALL")
				s := openAt(t, server)
				before := mustBeat(t, s, 1, mustAppend(t, s, "1", "2", "3", "4", "5"))
				loss.lose(t, server)
				eventually(t, name, func() error {
					err := logCalls(s, before.Position)[name](t.Context())
					if errors.Is(err, store.ErrGeneration) {
						return nil // reads report the loss with this error
					}
					return err
				})
				wantNewGeneration(t, server, before, name)
			}
			checkLeft(t, server, loss.lose, loss.left)
		})
	}
}

// wantNewGeneration checks in Redis itself that there is another generation, in repair,
// with an empty list of gates.
func wantNewGeneration(t *testing.T, server *redistest.Server, before store.Head, call string) {
	t.Helper()
	generation := server.Do("HGET", headKey, "generation")
	if generation == nil || generation == fmt.Sprintf("%016x", uint64(before.Generation)) {
		t.Errorf("after %s the generation is %v, it was %x", call, generation, uint64(before.Generation))
	}
	if state := server.Do("HGET", headKey, "state"); state != "repair" {
		t.Errorf("after %s the state is %v", call, state)
	}
	if listed := server.Do("EXISTS", gatesKey, beatsKey); listed != int64(0) && call != "Heartbeat" {
		t.Errorf("after %s a gate of the generation before is listed", call)
	}
}

// checkLeft reads the remaining entries after a loss, and checks that numbers continue
// after them.
func checkLeft(t *testing.T, server *redistest.Server, lose func(*testing.T, *redistest.Server), left []uint64) {
	t.Helper()
	server.Do("FLUSHALL")
	s := openAt(t, server)
	mustAppend(t, s, "1", "2", "3", "4", "5")
	lose(t, server)
	var head store.Head
	eventually(t, "the new head", func() (err error) {
		head, err = s.Look(t.Context())
		return err
	})
	batch := mustRead(t, s, store.Position{})
	if len(batch.Entries) != len(left) || batch.Head != head.Position || batch.Born != head.Seq {
		t.Fatalf("read %d entries up to %v, born %d; want %d up to %v", len(batch.Entries), batch.Head, batch.Born, len(left), head.Position)
	}
	for i, e := range batch.Entries {
		if e.Position.Generation != head.Generation || e.Position.Seq != left[i] {
			t.Errorf("entry %d is at %v, want %d of generation %d", i, e.Position, left[i], head.Generation)
		}
	}
	if next := mustAppend(t, s, "next"); next.Seq != head.Seq+1 || next.Generation != head.Generation {
		t.Errorf("the next append is at %v, the head was %v", next, head.Position)
	}
	// Reading continues beyond the missing entries, on both ways of reading.
	for _, e := range batch.Entries {
		rest, err := s.Read(t.Context(), e.Position, 0)
		if err != nil || len(rest.Entries) == 0 || rest.Head.Seq != head.Seq+1 {
			t.Errorf("reading on after %d gave %+v, %v", e.Position.Seq, rest, err)
		}
	}
}
