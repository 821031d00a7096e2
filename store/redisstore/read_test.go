package redisstore_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// A refusal by Redis is an error, not "nothing new". Otherwise a reader would loop and
// learn nothing.
func TestRefusedReadIsAnError(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "one")
	server.Do("DEL", logKey)
	server.Do("SET", logKey, "no stream")
	for _, wait := range []time.Duration{0, time.Second} {
		_, err := s.Read(t.Context(), position, wait)
		if err == nil || !strings.Contains(err.Error(), "WRONGTYPE") || !strings.Contains(err.Error(), "another namespace") {
			t.Errorf("waiting %v, Read gave %v, want WRONGTYPE and what to do", wait, err)
		}
	}
}

// A wait without new entries ends by itself, and its empty batch names the head.
func TestReadWaitsAndTellsTheHead(t *testing.T) {
	s := openAt(t, redistest.Start(t))
	position := mustAppend(t, s, "one")
	for _, wait := range []time.Duration{time.Nanosecond, 50 * time.Millisecond} {
		start := time.Now()
		batch, err := s.Read(t.Context(), position, wait)
		if err != nil || len(batch.Entries) != 0 || batch.Head != position {
			t.Errorf("waiting %v gave %+v, %v; want nothing and the head %v", wait, batch, err, position)
		}
		if took := time.Since(start); took < wait {
			t.Errorf("a wait of %v took %v", wait, took)
		}
	}
}

// From the beginning of an empty log, Read waits for the first entry.
func TestReadWaitsForTheFirstEntry(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	got := make(chan store.Batch, 1)
	go func() {
		for {
			batch, err := s.Read(t.Context(), store.Position{}, 500*time.Millisecond)
			if err != nil || len(batch.Entries) > 0 {
				got <- batch
				return
			}
		}
	}()
	blocked(t, server)
	position := mustAppend(t, s, "one")
	if batch := <-got; len(batch.Entries) != 1 || batch.Head != position {
		t.Errorf("read %+v, want the entry at %v", batch, position)
	}
}

// Waiting readers take no connection from appends.
func TestReadersDoNotHoldUpAppends(t *testing.T) {
	s := openAt(t, redistest.Start(t))
	position := mustAppend(t, s, "one")
	const readers = 4
	got := make(chan error, readers)
	for range readers {
		go func() {
			batch, err := s.Read(t.Context(), position, 500*time.Millisecond)
			if err == nil && len(batch.Entries) == 0 {
				err = errors.New("nothing came")
			}
			got <- err
		}()
	}
	for i := range 50 {
		mustAppend(t, s, strconv.Itoa(i))
	}
	for range readers {
		if err := <-got; err != nil {
			t.Errorf("a reader: %v", err)
		}
	}
}

// Fault: Redis is emptied while a reader waits. The reader learns of it, although
// nothing wakes it.
func TestFlushWhileWaiting(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	position := mustAppend(t, s, "1", "2")
	got := make(chan error, 1)
	go func() {
		_, err := s.Read(t.Context(), position, time.Second)
		got <- err
	}()
	blocked(t, server)
	server.Do("FLUSHALL")
	mustAppend(t, s, "3") // number 1 again, which does not wake the reader of number 3
	select {
	case err := <-got:
		if !errors.Is(err, store.ErrGeneration) {
			t.Errorf("the waiting read gave %v, want ErrGeneration", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the waiting read did not notice FLUSHALL")
	}
}

// Fault: after a restart of Redis every gate reads all remaining entries. It uses the fast
// way for that, not the script.
func TestWhatIsLeftIsReadQuickly(t *testing.T) {
	const entries = 4096 + 16*1024
	server := redistest.Start(t)
	s := openAt(t, server)
	fill(t, server, mustAppend(t, s, "first"), entries)
	server.Do("HSET", headKey, "store", "another process")
	server.Do("CONFIG", "RESETSTAT")
	read := 0
	for after := (store.Position{}); ; {
		batch := mustRead(t, s, after)
		if batch.Born != entries || batch.Head.Seq != entries {
			t.Fatalf("the head is %v, born %d, want %d", batch.Head, batch.Born, entries)
		}
		if len(batch.Entries) == 0 {
			break
		}
		read += len(batch.Entries)
		after = batch.Entries[len(batch.Entries)-1].Position
	}
	if read != entries {
		t.Errorf("read %d entries, want %d", read, entries)
	}
	// The first page, the last page, and the look at the end. One is sent twice, because
	// Redis does not know the script yet.
	if stats := server.Do("INFO", "commandstats").(string); !strings.Contains(stats, "cmdstat_evalsha:calls=3,") {
		t.Errorf("the script read more pages than it must:\n%s", stats)
	}
}

// blocked waits until one client waits in Redis.
func blocked(t *testing.T, server *redistest.Server) {
	t.Helper()
	eventually(t, "the read to block", func() error {
		if !strings.Contains(server.Do("INFO", "clients").(string), "blocked_clients:1") {
			return errors.New("no client is blocked")
		}
		return nil
	})
}
