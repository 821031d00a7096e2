package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// endless is a log of a million entries, each of which revokes another session.
type endless struct {
	store.Store
	reads int
	err   error
}

func (e *endless) Read(_ context.Context, after store.Position, _ time.Duration) (store.Batch, error) {
	e.reads++
	batch := store.Batch{Head: store.Position{Generation: 1, Seq: 1_000_000}}
	for seq := after.Seq + 1; seq <= min(batch.Head.Seq, after.Seq+4096); seq++ {
		batch.Entries = append(batch.Entries, store.Entry{
			Position: store.Position{Generation: 1, Seq: seq}, Revocations: []store.Revocation{{Key: store.Key{byte(seq), byte(seq >> 8), byte(seq >> 16)}}},
		})
	}
	return batch, e.err
}

// Attack: ask for the history of something that the log never had, again and again, so that
// each question reads the whole log.
func TestOneQuestionForAHistoryReadsABoundedPartOfTheLog(t *testing.T) {
	var e endless
	page, err := store.History(t.Context(), &e, store.Position{}, store.Key{9: 9})
	if err != nil || len(page.Found) > 0 || page.Over || page.Next.Seq != 1<<16 || e.reads != 16 {
		t.Errorf("read %d times up to %d: %+v, %v", e.reads, page.Next.Seq, page, err)
	}
	pages, found := 1, 0
	for ; !page.Over && pages < 100; pages++ {
		if page, err = store.History(t.Context(), &e, page.Next, store.Key{1, 2, 3}); err != nil {
			t.Fatal(err)
		}
		found += len(page.Found)
	}
	if pages != 16 || found != 1 {
		t.Errorf("%d pages and %d found, want 16 and 1", pages, found)
	}
}

func TestAHistoryThatCannotBeReadIsAnError(t *testing.T) {
	e := endless{err: store.ErrUnreadable}
	if page, err := store.History(t.Context(), &e, store.Position{}, store.Key{1}); !errors.Is(err, store.ErrUnreadable) || len(page.Found) > 0 {
		t.Errorf("got %v, %v; want ErrUnreadable", page, err)
	}
}
