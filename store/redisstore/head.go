package redisstore

import (
	"fmt"

	"github.com/sessiongate/sessiongate/store"
)

// head is what a namespace's head says about its log.
type head struct {
	store.Position        // the end of the log
	trimmed        uint64 // every entry up to this number was trimmed
	born           uint64 // entries up to this number may be of an older generation
}

// batch checks that the entries are what the head says must come after a
// position, up to count of them, and returns them under the head's generation.
//
// Invariant: what the head counts and the log does not hold is a gap, never an
// empty batch. Redis itself reports no trimmed, deleted or lost entry.
func (h head) batch(after store.Position, entries []store.Entry, count int) (store.Batch, error) {
	switch {
	case after == store.Position{}:
		after = store.Position{Generation: h.Generation, Seq: h.trimmed}
	case after.Generation != h.Generation:
		return store.Batch{}, store.ErrGeneration
	}
	if after.Seq < h.trimmed || after.Seq > h.Seq {
		return store.Batch{}, fmt.Errorf("after entry %d, held are %d to %d: %w", after.Seq, h.trimmed+1, h.Seq, store.ErrGap)
	}
	next := after
	for i, e := range entries {
		next.Seq++
		if e.Position.Seq != next.Seq {
			return store.Batch{}, fmt.Errorf("entry %d where %d belongs: %w", e.Position.Seq, next.Seq, store.ErrGap)
		}
		if e.Position.Generation != h.Generation && next.Seq > h.born {
			return store.Batch{}, fmt.Errorf("entry %d is of a generation that is not the log's: %w", next.Seq, store.ErrUnreadable)
		}
		entries[i].Position = next
	}
	if len(entries) < count && next.Seq != h.Seq || next.Seq > h.Seq {
		return store.Batch{}, fmt.Errorf("entries end at %d, the head is %d: %w", next.Seq, h.Seq, store.ErrGap)
	}
	return store.Batch{Entries: entries, Head: h.Position}, nil
}
