package storetest

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// wait is far longer than a healthy store takes to deliver an entry.
const wait = 10 * time.Second

// read is the result of a Read in another goroutine.
type read struct {
	batch store.Batch
	err   error
}

func wakes(t *testing.T, place Place) {
	s := open(t, place)
	before := mustAppend(t, s, session("before", later()))
	got := make(chan read, 1)
	go func() {
		// A store may return an empty batch before the wait is over.
		for deadline := time.Now().Add(wait); ; {
			batch, err := s.Read(t.Context(), before, time.Until(deadline))
			if err != nil || len(batch.Entries) > 0 || time.Now().After(deadline) {
				got <- read{batch, err}
				return
			}
		}
	}()
	after := mustAppend(t, s, session("after", later()))
	r := <-got
	if r.err != nil || len(r.batch.Entries) != 1 || r.batch.Entries[0].Position != after {
		t.Errorf("the waiting read returned %+v, %v; want the entry at %v", r.batch, r.err, after)
	}
}

func readsBesideAppends(t *testing.T, place Place) {
	const appends = 200
	s := open(t, place)
	got := make(chan int, 1)
	go func() {
		read, after := 0, store.Position{}
		for deadline := time.Now().Add(wait); read < appends && time.Now().Before(deadline); {
			batch, err := s.Read(t.Context(), after, 100*time.Millisecond)
			if err != nil {
				t.Errorf("Read: %v", err)
				break
			}
			read += len(batch.Entries)
			after = batch.Head
			if n := len(batch.Entries); n > 0 {
				after = batch.Entries[n-1].Position
			}
		}
		got <- read
	}()
	for i := range appends {
		mustAppend(t, s, session(strconv.Itoa(i), later()))
	}
	if read := <-got; read != appends {
		t.Errorf("the reader got %d entries, want %d", read, appends)
	}
}

func trims(t *testing.T, place Place) {
	s := open(t, place)
	now := time.Now()
	past, future := now.Add(-time.Minute).Unix(), later()
	mustAppend(t, s, session("a", past))
	mustAppend(t, s, session("b", past), session("b, still wanted", future))
	kept := mustAppend(t, s, session("c", past))
	last := mustAppend(t, s, session("d", future))

	if err := s.Trim(t.Context(), now.Add(-time.Hour)); err != nil {
		t.Fatalf("Trim: %v", err)
	}
	if entries := readAll(t, s, store.Position{}); len(entries) != 4 {
		t.Fatalf("after a trim at a time before every expiry, %d of 4 entries are left", len(entries))
	}
	if err := s.Trim(t.Context(), now); err != nil {
		t.Fatalf("Trim: %v", err)
	}
	entries := readAll(t, s, store.Position{})
	if len(entries) != 3 || entries[0].Position.Seq != kept.Seq-1 {
		t.Fatalf("after trimming, the log begins with %v", entries)
	}
	if next := mustAppend(t, s, session("e", future)); next.Seq != last.Seq+1 {
		t.Errorf("after trimming, an append is number %d, want %d", next.Seq, last.Seq+1)
	}
}

// trimAll leaves a log with every entry trimmed.
func trimAll(t *testing.T, s store.Store) (first, last store.Position) {
	t.Helper()
	first = mustAppend(t, s, session("first", 1))
	last = mustAppend(t, s, session("last", 1))
	if err := s.Trim(t.Context(), time.Now()); err != nil {
		t.Fatalf("Trim: %v", err)
	}
	return first, last
}

func gapAfterTrim(t *testing.T, place Place) {
	s := open(t, place)
	first, last := trimAll(t, s)
	if _, err := s.Read(t.Context(), first, 0); !errors.Is(err, store.ErrGap) {
		t.Errorf("Read from inside the trimmed part gave %v, want ErrGap", err)
	}
	batch, err := s.Read(t.Context(), store.Position{}, 0)
	if err != nil || len(batch.Entries) != 0 || batch.Head != last {
		t.Errorf("Read from the beginning gave %+v, %v; want nothing and the head %v", batch, err, last)
	}
	next := mustAppend(t, s, session("next", later()))
	if entries := readAll(t, s, last); len(entries) != 1 || entries[0].Position != next {
		t.Errorf("after the trimmed part came %v", entries)
	}
}

func gapAfterHead(t *testing.T, place Place) {
	s := open(t, place)
	position := mustAppend(t, s, session("a", later()))
	position.Seq++
	if _, err := s.Read(t.Context(), position, 0); !errors.Is(err, store.ErrGap) && !errors.Is(err, store.ErrGeneration) {
		t.Errorf("Read from a position beyond the log gave %v, want ErrGap or ErrGeneration", err)
	}
}

func cancelled(t *testing.T, place Place) {
	s := open(t, place)
	position := mustAppend(t, s, session("a", later()))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Append(ctx, session("b", later())); !errors.Is(err, context.Canceled) {
		t.Errorf("Append gave %v, want context.Canceled", err)
	}
	if _, err := s.Read(ctx, position, wait); !errors.Is(err, context.Canceled) {
		t.Errorf("Read gave %v, want context.Canceled", err)
	}
}

func closeEndsWaiting(t *testing.T, place Place) {
	s := open(t, place)
	position := mustAppend(t, s, session("a", later()))
	got := make(chan error, 1)
	go func() {
		for {
			if _, err := s.Read(context.Background(), position, time.Hour); err != nil {
				got <- err
				return
			}
		}
	}()
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	select {
	case err := <-got:
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("the waiting read gave %v, want ErrClosed", err)
		}
	case <-time.After(wait):
		t.Error("the waiting read continues after Close")
	}
}

func closedSaysSo(t *testing.T, place Place) {
	s := open(t, place)
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	ctx := t.Context()
	_, appendErr := s.Append(ctx, session("a", later()))
	_, readErr := s.Read(ctx, store.Position{}, 0)
	_, ownerErr := s.Owner(ctx, "i", "s")
	_, ofErr := s.Of(ctx, "i", "u")
	seen := store.Session{Issuer: "i", ID: "s", Subject: "u", FirstSeen: 1, LastSeen: 1, Expires: later()}
	for call, err := range map[string]error{
		"Append": appendErr, "Read": readErr, "Owner": ownerErr, "Of": ofErr,
		"Trim": s.Trim(ctx, time.Now()), "Seen": s.Seen(ctx, seen), "Close": s.Close(),
	} {
		if !errors.Is(err, store.ErrClosed) {
			t.Errorf("%s gave %v, want ErrClosed", call, err)
		}
	}
}

func comesBack(t *testing.T, place Place) {
	s := open(t, place)
	mustAppend(t, s, session("trimmed", 1))
	if err := s.Trim(t.Context(), time.Now()); err != nil {
		t.Fatalf("Trim: %v", err)
	}
	last := mustAppend(t, s, session("kept", later()))
	want := readAll(t, s, store.Position{})
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	again := open(t, place)
	got := readAll(t, again, store.Position{})
	if !place.Durable {
		if len(got) != 0 {
			t.Errorf("a store that is not durable came back with %d entries", len(got))
		}
		return
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("reopened with %v, want %v", got, want)
	}
	if next := mustAppend(t, again, session("next", later())); next.Seq != last.Seq+1 || next.Generation != last.Generation {
		t.Errorf("the log continues at %v after %v", next, last)
	}
}
