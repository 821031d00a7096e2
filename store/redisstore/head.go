package redisstore

import (
	"fmt"

	"github.com/sessiongate/sessiongate/store"
)

// head is what a namespace's head says about its log.
type head struct {
	store.Position        // the end of the log
	trimmed        uint64 // every entry up to this number was trimmed
	born           uint64 // up to this number, entries are left of older generations, and may be missing
	large          uint64 // after this number, none up to seq has more than a KiB
}

// batch checks that the entries are what the head says must come after a
// position, all of them unless the page was cut, and returns them under the head's
// generation.
//
// Rule R8 (DESIGN): what the head counts and the log does not hold is a gap,
// never an empty batch. Redis itself reports no trimmed, deleted or lost entry.
func (h head) batch(after store.Position, entries []store.Entry, cut bool) (store.Batch, error) {
	switch {
	case after == store.Position{}:
		after = store.Position{Generation: h.Generation, Seq: h.trimmed}
	case after.Generation != h.Generation:
		return store.Batch{}, store.ErrGeneration
	}
	if after.Seq < h.trimmed || after.Seq > h.Seq {
		return store.Batch{}, fmt.Errorf("after entry %d, held are %d to %d: %w", after.Seq, h.trimmed+1, h.Seq, store.ErrGap)
	}
	for i, e := range entries {
		if !h.follows(after, e.Position) {
			return store.Batch{}, fmt.Errorf("entry %d after %d: %w", e.Position.Seq, after.Seq, store.ErrGap)
		}
		if e.Position.Generation != h.Generation && e.Position.Seq > h.born {
			return store.Batch{}, fmt.Errorf("entry %d is of a generation that is not the log's: %w", e.Position.Seq, store.ErrUnreadable)
		}
		after.Seq = e.Position.Seq
		entries[i].Position = after
	}
	end := max(after.Seq, h.born)
	if !cut && end != h.Seq || end > h.Seq {
		return store.Batch{}, fmt.Errorf("entries end at %d, the head is %d: %w", after.Seq, h.Seq, store.ErrGap)
	}
	return store.Batch{Entries: entries, Head: h.Position, Born: h.born}, nil
}

// follows reports whether an entry may come right after a position: among what
// is left of older generations entries may be missing, after it none.
func (h head) follows(after, next store.Position) bool {
	if next.Seq <= h.born {
		return next.Seq > after.Seq
	}
	return next.Seq == max(after.Seq, h.born)+1
}
