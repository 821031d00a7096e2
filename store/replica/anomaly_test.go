package replica_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// lossy is a shared store that can tamper with batches, except those from the beginning of
// the revocation log. The store itself decides what was trimmed before the oldest entry.
type lossy struct {
	faulty
	tamper func(store.Batch) store.Batch
}

func (l *lossy) spoil(tamper func(store.Batch) store.Batch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tamper = tamper
}

func (l *lossy) Read(ctx context.Context, after store.Position, wait time.Duration) (store.Batch, error) {
	batch, err := l.faulty.Read(ctx, after, wait)
	l.mu.Lock()
	tamper := l.tamper
	l.mu.Unlock()
	if err == nil && tamper != nil && (after != store.Position{}) {
		batch = tamper(batch)
	}
	return batch, err
}

// Fault: FLUSHALL, or a Redis that restarts empty. A replica that treated the new
// revocation log as complete would admit revoked sessions again.
func TestANewGenerationForgetsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 4096)
		r := start(t, server.Connect(nil), replica.Options{Lease: 3 * time.Second})
		before, tokenBefore := revocation("before")
		after, tokenAfter := revocation("after")
		<-r.Synced()
		mustRevoke(t, r, before)

		server.Flush()
		if _, err := server.Connect(nil).Append(t.Context(), after); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		wantVerdict(t, r, tokenBefore, replica.BySession)
		wantVerdict(t, r, tokenAfter, replica.BySession)
		if log := server.Log(); len(log) != 2 {
			t.Errorf("the log holds %d entries, want the lost one merged and the new one", len(log))
		}
	})
}

// Fault: entries are lost in transit, or their numbers are wrong. A lost entry may hold an
// important revocation.
func TestABatchWithAHoleIsReadAgain(t *testing.T) {
	drop := func(i int) func(store.Batch) store.Batch {
		return func(b store.Batch) store.Batch {
			if len(b.Entries) > i {
				b.Entries = slices.Delete(slices.Clone(b.Entries), i, i+1)
			}
			return b
		}
	}
	tests := map[string]func(store.Batch) store.Batch{
		"an entry is missing in the middle": drop(1),
		"an entry comes twice": func(b store.Batch) store.Batch {
			if len(b.Entries) > 0 {
				b.Entries = append(slices.Clone(b.Entries[:1]), b.Entries...)
			}
			return b
		},
		"entries are out of order": func(b store.Batch) store.Batch {
			b.Entries = slices.Clone(b.Entries)
			slices.Reverse(b.Entries)
			return b
		},
		"an entry is of another generation": func(b store.Batch) store.Batch {
			b.Entries = slices.Clone(b.Entries)
			if len(b.Entries) > 1 {
				b.Entries[1].Position.Generation++
			}
			return b
		},
		"nothing comes, although the head is ahead": func(b store.Batch) store.Batch {
			b.Head.Seq += uint64(len(b.Entries)) + 7
			b.Entries = nil
			return b
		},
	}
	for name, tamper := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := model.NewServer(1, 4096).Connect(nil)
				shared := &lossy{faulty: faulty{Fleet: log}}
				r := start(t, shared, replica.Options{Lease: 3 * time.Second})
				<-r.Synced()
				shared.fail(errAway) // so that the entries come as one batch
				time.Sleep(time.Second)
				shared.spoil(tamper)
				names := []string{"a", "b", "c"}
				for _, name := range names {
					revoked, _ := revocation(name)
					if _, err := log.Append(t.Context(), revoked); err != nil {
						t.Fatal(err)
					}
				}
				shared.fail(nil)
				time.Sleep(4 * time.Second)
				for _, name := range names {
					if _, token := revocation(name); r.Check(token, replica.At(time.Now())) == replica.Clear {
						t.Errorf("session %q is admitted", name)
					}
				}
				shared.spoil(nil)
				time.Sleep(2 * time.Second)
				for _, name := range names {
					_, token := revocation(name)
					wantVerdict(t, r, token, replica.BySession)
				}
			})
		})
	}
}

// Fault: during a rolling upgrade, the revocation log holds an entry of a newer gate.
func TestAnEntryThatIsNotUnderstoodFences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := &faulty{Fleet: shared()}
		r := start(t, shared, replica.Options{Lease: 3 * time.Second})
		_, token := revocation("s")
		<-r.Synced()
		shared.fail(store.ErrUnreadable)
		time.Sleep(4 * time.Second)
		wantVerdict(t, r, token, replica.Unavailable)
		if status := r.Status(); !errors.Is(status.Err, store.ErrUnreadable) {
			t.Errorf("the error in the status is %v, want ErrUnreadable", status.Err)
		}
	})
}

func TestExpiredRevocationsAreForgottenAndTrimmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memstore.New(nil)
		r := start(t, log, replica.Options{})
		short, _ := revocation("short")
		short.Expires = time.Now().Add(90 * time.Second).Unix()
		long, _ := revocation("long")
		mustRevoke(t, r, short)
		mustRevoke(t, r, long)
		time.Sleep(70 * time.Second)
		if !r.Holds(short.Key) {
			t.Error("forgotten before it expired")
		}
		time.Sleep(time.Minute)
		if r.Holds(short.Key) || !r.Holds(long.Key) {
			t.Errorf("held: expired %t, unexpired %t", r.Holds(short.Key), r.Holds(long.Key))
		}
		time.Sleep(time.Hour) // for a gate whose clock is behind
		batch, err := log.Read(t.Context(), store.Position{}, 0)
		if err != nil || len(batch.Entries) != 1 || batch.Entries[0].Revocations[0].Key != long.Key {
			t.Errorf("the log holds %+v, %v; want the unexpired entry", batch, err)
		}
	})
}
