package boltstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// Limits of one commit. A commit of this size takes a few milliseconds.
const (
	groupAppends = 1024
	groupBytes   = 1 << 20
)

// appending is an Append that waits for its commit.
type appending struct {
	payload   []byte
	position  store.Position // set before committed reports nil
	committed chan error
}

// newAppending makes an appending. The writer never waits to answer it, even if the
// caller has given up.
func newAppending(payload []byte) *appending {
	return &appending{payload: payload, committed: make(chan error, 1)}
}

// change is any other transaction that waits for the writer.
type change struct {
	transact  func(*bolt.Tx) error
	committed chan error
}

// Append implements store.Store.
func (s *Store) Append(ctx context.Context, revocations ...store.Revocation) (store.Position, error) {
	payload, err := store.MarshalRevocations(revocations)
	if err != nil {
		return store.Position{}, fmt.Errorf("appending: %w", err)
	}
	a := newAppending(payload)
	if err := hand(ctx, s, s.appends, a, a.committed); err != nil {
		return store.Position{}, fmt.Errorf("appending: %w", err)
	}
	return a.position, nil
}

// errUnchanged is the result of a transaction that has nothing to commit. Then nothing
// is written to disk.
var errUnchanged = errors.New("nothing is changed")

// change makes the writer run a transaction, and waits for its commit. After an error
// the transaction may still run: it must own what it uses.
func (s *Store) change(ctx context.Context, transact func(*bolt.Tx) error) error {
	c := &change{transact: transact, committed: make(chan error, 1)}
	return hand(ctx, s, s.changes, c, c.committed)
}

// hand gives work to the writer and waits until it is committed.
func hand[W any](ctx context.Context, s *Store, writer chan<- W, work W, committed <-chan error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case writer <- work:
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return store.ErrClosed
	}
	select {
	case err := <-committed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write is the goroutine that runs all writing transactions, until Close.
//
// Invariant: everything taken from a channel is answered. An append waits for at most
// one change: when a commit ends, appends come first.
func (s *Store) write() {
	defer close(s.done)
	for {
		select {
		case a := <-s.appends:
			s.commit(s.group(a))
		default:
		}
		select {
		case a := <-s.appends:
			s.commit(s.group(a))
		case c := <-s.changes:
			c.committed <- s.update(c.transact)
		case <-s.closing:
			return
		}
	}
}

// group adds to the first append those that wait already.
func (s *Store) group(first *appending) []*appending {
	group, size := []*appending{first}, len(first.payload)
	for len(group) < groupAppends && size < groupBytes {
		select {
		case a := <-s.appends:
			group, size = append(group, a), size+len(a.payload)
		default:
			return group
		}
	}
	return group
}

// commit puts a group of appends on the log in one transaction.
func (s *Store) commit(group []*appending) {
	err := s.accepts()
	if err == nil {
		err = s.update(func(tx *bolt.Tx) error { return appendEntries(tx, group, s.own.now()) })
	}
	if err == nil { // wake the readers that wait for entries
		s.mu.Lock()
		close(s.grown)
		s.grown = make(chan struct{})
		s.mu.Unlock()
	}
	for _, a := range group {
		a.committed <- err
	}
}

// appendEntries puts a group on the log, at a time by the store's own clock.
func appendEntries(tx *bolt.Tx, group []*appending, own int64) error {
	h, err := loadHead(tx)
	if err != nil {
		return err
	}
	log := tx.Bucket([]byte(bucketLog))
	log.FillPercent = 1 // nothing is ever put between two entries
	h.clock = own
	for _, a := range group {
		h.seq++
		h.tag = rand.Uint64() | 1
		a.position = store.Position{Generation: h.generation, Seq: h.seq}
		if err := log.Put(seqKey(h.seq), marshalEntry(a.position, h.tag, a.payload)); err != nil {
			return err
		}
	}
	return saveHead(tx, h)
}

// update runs a writing transaction and returns when it is on disk.
//
// Invariant: the marker is written after the commit, and before the commit is
// confirmed. So a kill never leaves a database that is older than its marker. A
// database that is older has lost a confirmed entry.
func (s *Store) update(transact func(*bolt.Tx) error) error {
	return s.use(func() error {
		var h head
		err := s.db.Update(func(tx *bolt.Tx) (err error) {
			if err = transact(tx); err == nil {
				h, err = loadHead(tx)
			}
			return err
		})
		if err != nil {
			return err
		}
		return s.advance(h)
	})
}
