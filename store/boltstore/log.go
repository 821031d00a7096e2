package boltstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/sessiongate/sessiongate/store"
)

// Limits of one Read: so many entries, and no further entry after so many bytes.
const (
	batchEntries = 4096
	batchBytes   = 1 << 20
)

// trimEntries is how many entries one transaction forgets at most.
const trimEntries = 1024

// Read implements store.Store.
func (s *Store) Read(ctx context.Context, after store.Position, wait time.Duration) (store.Batch, error) {
	var deadline <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		deadline = timer.C
	}
	for {
		s.mu.Lock()
		grown := s.grown // before the log is read, so that a later entry wakes us
		s.mu.Unlock()
		batch, err := s.read(ctx, after)
		if err != nil {
			return store.Batch{}, fmt.Errorf("reading: %w", err)
		}
		if len(batch.Entries) > 0 || deadline == nil {
			return batch, nil
		}
		select {
		case <-grown:
		case <-s.closing:
		case <-ctx.Done():
		case <-deadline:
			deadline = nil
		}
	}
}

// stored is an entry as the log keeps it.
type stored struct {
	position store.Position
	value    []byte
}

func (s *Store) read(ctx context.Context, after store.Position) (store.Batch, error) {
	var h head
	var found []stored
	err := s.view(ctx, func(tx *bolt.Tx) (err error) {
		if h, err = loadHead(tx); err != nil {
			return err
		}
		if after, err = h.begin(after); err != nil {
			return err
		}
		found, err = h.copyAfter(tx, after)
		return err
	})
	if err != nil {
		return store.Batch{}, err
	}
	// Decoding waits until the transaction is over. A commit that has to grow the file
	// waits for running transactions, so they must be short.
	batch := store.Batch{Head: store.Position{Generation: h.generation, Seq: h.seq}, Bounds: h.bounds, Now: s.own.now()}
	for _, e := range found {
		entry, err := unmarshalEntry(e.position, e.value)
		if err != nil {
			return store.Batch{}, err
		}
		batch.Entries = append(batch.Entries, entry)
	}
	return batch, nil
}

// begin returns the position at which a read after the given position begins.
func (h head) begin(after store.Position) (store.Position, error) {
	switch {
	case after == store.Position{}:
		return store.Position{Generation: h.generation, Seq: h.trimmed}, nil
	case after.Generation != h.generation:
		return after, store.ErrGeneration
	case after.Seq < h.trimmed || after.Seq > h.seq:
		return after, fmt.Errorf("after %d, where %d to %d are held: %w", after.Seq, h.trimmed+1, h.seq, store.ErrGap)
	}
	return after, nil
}

// copyAfter copies a batch of entries out of the transaction.
func (h head) copyAfter(tx *bolt.Tx, after store.Position) ([]stored, error) {
	var found []stored
	size, at := 0, after
	cursor := tx.Bucket([]byte(bucketLog)).Cursor()
	for key, value := cursor.Seek(seqKey(at.Seq + 1)); at.Seq < h.seq; key, value = cursor.Next() {
		at.Seq++
		if !bytes.Equal(key, seqKey(at.Seq)) {
			return nil, damagef("entry %d is missing", at.Seq)
		}
		found = append(found, stored{at, bytes.Clone(value)})
		if size += len(value); size >= batchBytes || len(found) == batchEntries {
			break
		}
	}
	return found, nil
}

// Trim implements store.Store, and forgets expired sessions too. It works in
// bounded transactions, between which appends are committed.
//
// Invariant: an entry is forgotten only if it has expired by both clocks, the caller's
// and the store's own. A wall clock that is ahead forgets nothing early.
func (s *Store) Trim(ctx context.Context, now time.Time) error {
	by := min(now.Unix(), s.own.now())
	for _, forget := range []func(tx *bolt.Tx, by int64) (more bool, err error){s.trimLog, s.forgetExpired} {
		for more := true; more; {
			err := s.change(ctx, func(tx *bolt.Tx) (err error) {
				more, err = forget(tx, by)
				return err
			})
			if err != nil && !errors.Is(err, errUnchanged) {
				return fmt.Errorf("trimming: %w", err)
			}
		}
	}
	return nil
}

// trimLog forgets the oldest entries if they have expired, and records the store's own
// clock.
func (s *Store) trimLog(tx *bolt.Tx, by int64) (more bool, err error) {
	h, err := loadHead(tx)
	if err != nil {
		return false, err
	}
	log := tx.Bucket([]byte(bucketLog))
	begin := h.trimmed
	for by >= h.bounds.Hold && h.trimmed < h.seq && h.trimmed-begin < trimEntries {
		oldest := store.Position{Generation: h.generation, Seq: h.trimmed + 1}
		key := seqKey(oldest.Seq)
		entry, err := unmarshalEntry(oldest, log.Get(key))
		if err != nil {
			return false, err
		}
		if entry.Expires() > by {
			break
		}
		if err := log.Delete(key); err != nil {
			return false, err
		}
		h.trimmed++
		h.bounds.Swept = max(h.bounds.Swept, by)
	}
	if h.seq == 0 {
		s.own.start(s.options.Clock()) // no revocation exists yet
	}
	own := s.own.now()
	if h.trimmed == begin && own-h.clock < keepClock {
		return false, errUnchanged
	}
	h.clock = own
	return h.trimmed-begin == trimEntries, saveHead(tx, h)
}

// view runs a reading transaction.
func (s *Store) view(ctx context.Context, transact func(*bolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-s.closing:
		return store.ErrClosed
	default:
	}
	err := s.use(func() error {
		return s.db.View(transact)
	})
	if errors.Is(err, bolterrors.ErrDatabaseNotOpen) {
		return store.ErrClosed // it was closed during this call
	}
	return err
}
