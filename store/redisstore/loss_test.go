package redisstore_test

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// The attack, or the accident: Redis loses or changes what was acknowledged, and
// says nothing. A gate that took it for "no news" would admit revoked sessions.
func TestLossIsNoticed(t *testing.T) {
	payload, err := store.MarshalRevocations([]store.Revocation{revocation("other")})
	if err != nil {
		t.Fatal(err)
	}
	expires := strconv.FormatInt(revocation("").Expires, 10)
	add := func(server *redistest.Server, id, generation, expires, payload string) {
		server.Do("XADD", logKey, id, "g", generation, "t", "00000000000000ff", "e", expires, "p", payload)
	}
	tests := []struct {
		name    string
		damage  func(server *redistest.Server, generation string)
		follow  error // of reading on after entry 3 of 5
		restart error // of reading from the beginning
	}{
		{"FLUSHALL", func(server *redistest.Server, _ string) { server.Do("FLUSHALL") }, store.ErrGeneration, nil},
		{"the head deleted", func(server *redistest.Server, _ string) { server.Do("DEL", headKey) }, nil, nil},
		{"the log deleted", func(server *redistest.Server, _ string) { server.Do("DEL", logKey) }, store.ErrGap, store.ErrGap},
		{"the oldest trimmed by hand", func(server *redistest.Server, _ string) { server.Do("XTRIM", logKey, "MAXLEN", "1") }, store.ErrGap, store.ErrGap},
		{"an entry deleted", func(server *redistest.Server, _ string) { server.Do("XDEL", logKey, "4-0") }, store.ErrGap, store.ErrGap},
		{"the last deleted", func(server *redistest.Server, _ string) { server.Do("XDEL", logKey, "4-0", "5-0") }, store.ErrGap, store.ErrGap},
		{"the head gone back", func(server *redistest.Server, _ string) {
			server.Do("XTRIM", logKey, "MAXLEN", "0")
			server.Do("HSET", headKey, "seq", "2")
		}, store.ErrGap, store.ErrGap},
		{"a payload of a newer version", func(server *redistest.Server, generation string) {
			add(server, "6-0", generation, expires, "\x02"+string(payload[1:]))
		}, store.ErrUnreadable, store.ErrUnreadable},
		{"a payload cut short", func(server *redistest.Server, generation string) {
			add(server, "6-0", generation, expires, string(payload[:len(payload)-3]))
		}, store.ErrUnreadable, store.ErrUnreadable},
		{"an entry without fields", func(server *redistest.Server, _ string) {
			server.Do("XADD", logKey, "6-0", "x", "y")
		}, store.ErrUnreadable, store.ErrUnreadable},
		{"an id of Redis' own", func(server *redistest.Server, generation string) {
			add(server, "*", generation, expires, string(payload))
		}, store.ErrGap, store.ErrGap},
		{"an id that is no number", func(server *redistest.Server, generation string) {
			add(server, "6-1", generation, expires, string(payload))
		}, store.ErrUnreadable, store.ErrUnreadable},
		{"an expiry that is another's", func(server *redistest.Server, generation string) {
			add(server, "6-0", generation, "1", string(payload))
		}, store.ErrUnreadable, store.ErrUnreadable},
		{"an entry of another generation", func(server *redistest.Server, _ string) {
			add(server, "6-0", "00000000000000aa", expires, string(payload))
			server.Do("HSET", headKey, "seq", "6")
		}, store.ErrUnreadable, store.ErrUnreadable},
		{"an entry that the head does not count", func(server *redistest.Server, generation string) {
			add(server, "7-0", generation, expires, string(payload))
		}, store.ErrGap, store.ErrGap},
		{"a head of a newer version", func(server *redistest.Server, _ string) {
			server.Do("HSET", headKey, "version", "2")
			server.Do("XTRIM", logKey, "MAXLEN", "0")
		}, store.ErrUnreadable, store.ErrUnreadable},
		{"a head cut short", func(server *redistest.Server, _ string) {
			server.Do("HDEL", headKey, "trimmed")
			server.Do("XTRIM", logKey, "MAXLEN", "0")
		}, store.ErrUnreadable, store.ErrUnreadable},
	}
	server := redistest.Start(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server.Do("FLUSHALL")
			s := openAt(t, server)
			position := mustAppend(t, s, "1", "2", "3", "4", "5")
			test.damage(server, fmt.Sprintf("%016x", uint64(position.Generation)))
			position.Seq = 3
			for _, wait := range []time.Duration{0, time.Millisecond} {
				if _, err := s.Read(t.Context(), position, wait); !errors.Is(err, test.follow) {
					t.Errorf("reading on, waiting %v, gave %v, want %v", wait, err, test.follow)
				}
			}
			if _, err := s.Read(t.Context(), store.Position{}, 0); !errors.Is(err, test.restart) {
				t.Errorf("reading all gave %v, want %v", err, test.restart)
			}
		})
	}
}

// A log that lost its head keeps its entries and its numbers, under a new
// generation.
func TestHeadMadeAnew(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	last := mustAppend(t, s, "1", "2", "3")
	server.Do("XTRIM", logKey, "MINID", "2-0")
	server.Do("DEL", headKey)
	if _, err := s.Read(t.Context(), last, 0); !errors.Is(err, store.ErrGeneration) {
		t.Fatalf("reading on gave %v, want ErrGeneration", err)
	}
	next := mustAppend(t, s, "4")
	if next.Generation == last.Generation || next.Seq != 4 {
		t.Errorf("the next append is at %v, after %v", next, last)
	}
	batch := mustRead(t, s, store.Position{})
	if len(batch.Entries) != 3 || batch.Head != next {
		t.Fatalf("read %d entries up to %v, want 3 up to %v", len(batch.Entries), batch.Head, next)
	}
	for i, e := range batch.Entries {
		if want := (store.Position{Generation: next.Generation, Seq: uint64(i + 2)}); e.Position != want {
			t.Errorf("entry %d is at %v, want %v", i, e.Position, want)
		}
	}
	if again := mustRead(t, s, batch.Entries[0].Position); len(again.Entries) != 2 {
		t.Errorf("reading on from a kept entry gave %d entries, want 2", len(again.Entries))
	}
}

func TestHeadMadeAnewOverAnEmptiedLog(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	mustAppend(t, s, "1", "2", "3")
	server.Do("XTRIM", logKey, "MAXLEN", "0")
	server.Do("DEL", headKey)
	if next := mustAppend(t, s, "4"); next.Seq != 4 {
		t.Errorf("the next append is number %d, want 4", next.Seq)
	}
	if batch := mustRead(t, s, store.Position{}); len(batch.Entries) != 1 {
		t.Errorf("read %d entries, want 1", len(batch.Entries))
	}
}

// A log whose numbers have passed its head's is not appended to.
func TestAppendBehindTheLog(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	mustAppend(t, s, "1", "2")
	server.Do("HSET", headKey, "seq", "1")
	if _, err := s.Append(t.Context(), revocation("3")); !errors.Is(err, store.ErrGap) {
		t.Errorf("Append gave %v, want ErrGap", err)
	}
}

// F8: a reader that waits while Redis is emptied learns of it, though nothing
// wakes it.
func TestFlushWhileWaiting(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "1", "2")
	got := make(chan error, 1)
	go func() {
		_, err := s.Read(t.Context(), position, time.Minute)
		got <- err
	}()
	eventually(t, "the read to block", func() error {
		clients := server.Do("INFO", "clients").(string)
		if !strings.Contains(clients, "blocked_clients:1") {
			return errors.New("no client is blocked")
		}
		return nil
	})
	server.Do("FLUSHALL")
	mustAppend(t, s, "3") // number 1 again: it does not wake the reader of number 3
	select {
	case err := <-got:
		if !errors.Is(err, store.ErrGeneration) {
			t.Errorf("the waiting read gave %v, want ErrGeneration", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the waiting read did not notice FLUSHALL")
	}
}
