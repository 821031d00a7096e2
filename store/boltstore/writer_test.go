package boltstore

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// hold keeps the writer busy in a transaction until release is called.
func hold(t *testing.T, s *Store) (release func()) {
	t.Helper()
	started, end, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- s.change(context.Background(), func(*bolt.Tx) error {
			close(started)
			<-end
			return nil
		})
	}()
	<-started
	return func() {
		close(end)
		if err := <-done; err != nil {
			t.Errorf("the transaction that was held: %v", err)
		}
	}
}

// commits returns how many transactions were committed to the file.
func commits(t testing.TB, s *Store) (n int) {
	t.Helper()
	if err := s.db.View(func(tx *bolt.Tx) error { n = tx.ID(); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestAppendsShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const appends = 100
		s := openAt(t, freshPath(t))
		release := hold(t, s)
		var group sync.WaitGroup
		for n := range appends {
			group.Go(func() {
				if _, err := s.Append(t.Context(), numbered(n, later())); err != nil {
					t.Errorf("Append: %v", err)
				}
			})
		}
		synctest.Wait() // until all of them wait for the writer
		before := commits(t, s)
		release()
		group.Wait()
		if n := commits(t, s) - before; n != 2 {
			t.Errorf("%d waiting appends took %d commits, want 1 after the running one", appends, n)
		}
		if entries := readAll(t, s); len(entries) != appends {
			t.Errorf("the log holds %d entries, want %d", len(entries), appends)
		}
		mustClose(t, s)
	})
}

func TestGroupsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const appends = 30 // of 90 kB each
		s := openAt(t, freshPath(t))
		large := make([]store.Revocation, store.MaxRevocations)
		for n := range large {
			large[n] = numbered(n, later())
		}
		release := hold(t, s)
		var group sync.WaitGroup
		for range appends {
			group.Go(func() {
				if _, err := s.Append(t.Context(), large...); err != nil {
					t.Errorf("Append: %v", err)
				}
			})
		}
		synctest.Wait()
		before := commits(t, s)
		release()
		group.Wait()
		if n := commits(t, s) - before; n != 1+3 {
			t.Errorf("%d large appends took %d commits, want 3 after the running one", appends, n)
		}
		mustClose(t, s)
	})
}

// Fault: thousands of logins keep the writer busy with sessions, and a revocation
// waits for all of them.
func TestAppendWaitsForOneChangeAtMost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, freshPath(t))
		for round := range uint64(20) { // the order of waiting calls is random
			release := hold(t, s)
			var before int // changes that ran before the append
			var group sync.WaitGroup
			for range 5 {
				group.Go(func() {
					err := s.change(t.Context(), func(tx *bolt.Tx) error {
						h, err := loadHead(tx)
						if h.seq == round {
							before++
						}
						return err
					})
					if err != nil {
						t.Errorf("change: %v", err)
					}
				})
			}
			group.Go(func() { mustAppend(t, s, numbered(1, later())) })
			synctest.Wait()
			release()
			group.Wait()
			if before > 1 {
				t.Errorf("the append waited for %d changes, want 1 at most", before)
			}
		}
		mustClose(t, s)
	})
}

func TestCancelledAppendsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, freshPath(t))
		release := hold(t, s)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Append(ctx, numbered(1, later())); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Append behind a busy writer gave %v, want the deadline", err)
		}
		release()
		position := mustAppend(t, s, numbered(2, later()))
		if entries := readAll(t, s); len(entries) != 1 || entries[0].Position != position {
			t.Errorf("the log holds %v, want the second append alone", entries)
		}
		mustClose(t, s)
	})
}

// Fault: the disk hangs in the middle of a commit. A caller that has given up does
// not wait for it, and the writer does not wait for the caller.
func TestCancelledWhileCommitting(t *testing.T) {
	s := openAt(t, freshPath(t))
	payload, err := store.MarshalRevocations([]store.Revocation{numbered(1, later())})
	if err != nil {
		t.Fatal(err)
	}
	a := newAppending(payload)
	taken, ended := make(chan *appending), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { ended <- hand(ctx, s, taken, a, a.committed) }()
	<-taken // like a writer whose disk hangs from now on
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the caller got %v, want context.Canceled", err)
	}
	s.appends <- a // the disk works again, but the caller has gone
	if position := mustAppend(t, s, numbered(2, later())); position.Seq != 2 {
		t.Errorf("the next append is number %d, want 2", position.Seq)
	}
}

func TestCloseEndsAppendsThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, freshPath(t))
		release := hold(t, s)
		appended, closed := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := s.Append(t.Context(), numbered(1, later()))
			appended <- err
		}()
		synctest.Wait()
		go func() { closed <- s.Close() }()
		if err := <-appended; !errors.Is(err, store.ErrClosed) {
			t.Errorf("the waiting append gave %v, want ErrClosed", err)
		}
		synctest.Wait()
		select {
		case err := <-closed:
			t.Errorf("Close did not wait for the running transaction: %v", err)
		default:
		}
		release()
		if err := <-closed; err != nil {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestReadWaitsAsLongAsRequested(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, freshPath(t))
		begin := time.Now()
		batch, err := s.Read(t.Context(), store.Position{}, time.Minute)
		if took := time.Since(begin); err != nil || len(batch.Entries) != 0 || took != time.Minute {
			t.Errorf("Read gave %v, %v after %v; want nothing after a minute", batch, err, took)
		}
		mustClose(t, s)
	})
}

func TestAppendWakesReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openAt(t, freshPath(t))
		begin := time.Now()
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				batch, err := s.Read(t.Context(), store.Position{}, time.Minute)
				if took := time.Since(begin); err != nil || len(batch.Entries) != 1 || took != 0 {
					t.Errorf("Read gave %v, %v after %v; want the entry at once", batch, err, took)
				}
			})
		}
		synctest.Wait()
		mustAppend(t, s, numbered(1, later()))
		group.Wait()
		mustClose(t, s)
	})
}
