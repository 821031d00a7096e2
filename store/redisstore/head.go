package redisstore

import (
	"fmt"

	"github.com/sessiongate/sessiongate/store"
)

// head is what a namespace's head says about its log.
type head struct {
	store.Position        // the end of the log
	trimmed        uint64 // every entry up to this number was trimmed
	born           uint64 // up to this number, entries belong to older generations, and some may be missing
	large          uint64 // after this number, none up to seq has more than a KiB
}

// batch checks that the entries are those that must come after a position according to
// the head, all of them unless the page was cut. It returns them under the head's
// generation.
//
// Rule R8: if the head counts an entry that the log does not hold, that is a gap, never
// an empty batch. Redis itself reports no trimmed, deleted or lost entry.
func (h head) batch(after store.Position, entries []entry, cut bool) (store.Batch, error) {
	switch {
	case after == store.Position{}:
		after = store.Position{Generation: h.Generation, Seq: h.trimmed}
	case after.Generation != h.Generation:
		return store.Batch{}, store.ErrGeneration
	}
	if after.Seq < h.trimmed || after.Seq > h.Seq {
		return store.Batch{}, fmt.Errorf("after entry %d, held are %d to %d: %w", after.Seq, h.trimmed+1, h.Seq, store.ErrGap)
	}
	batch, err := h.walk(after, entries)
	if err != nil {
		return store.Batch{}, err
	}
	if end := batch.Head.Seq; !cut && end != h.Seq || end > h.Seq {
		return store.Batch{}, fmt.Errorf("entries end at %d, the head is %d: %w", end, h.Seq, store.ErrGap)
	}
	batch.Head = h.Position
	return batch, nil
}

// walk checks that entries follow a position without a gap, and returns them under its
// generation, with the position after the last one as the head. Entries of older
// generations carry their own.
func (h head) walk(after store.Position, entries []entry) (store.Batch, error) {
	batch := store.Batch{Entries: make([]store.Entry, 0, len(entries)), Born: h.born}
	for _, e := range entries {
		at := e.Position
		switch {
		case !h.follows(after, at):
			return store.Batch{}, fmt.Errorf("entry %d after %d: %w", at.Seq, after.Seq, store.ErrGap)
		case at.Generation != after.Generation && at.Seq > h.born:
			return store.Batch{}, fmt.Errorf("entry %d is of a generation that is not the log's: %w", at.Seq, store.ErrUnreadable)
		case at.Seq == after.Seq+1 && after.Tag != 0 && e.previous != 0 && e.previous != after.Tag:
			// The log has gone back since the previous entry was read.
			return store.Batch{}, fmt.Errorf("entry %d follows another entry %d: %w", at.Seq, after.Seq, store.ErrGap)
		}
		after.Seq, after.Tag = at.Seq, at.Tag
		e.Position = after
		batch.Entries = append(batch.Entries, e.Entry)
	}
	batch.Head = after
	if after.Seq < h.born {
		batch.Head = store.Position{Generation: after.Generation, Seq: h.born}
	}
	return batch, nil
}

// follows reports whether an entry may come right after a position. Among the entries
// of older generations some may be missing, after them none.
func (h head) follows(after, next store.Position) bool {
	if next.Seq <= h.born {
		return next.Seq > after.Seq
	}
	return next.Seq == max(after.Seq, h.born)+1
}
