// Package memstore is a store in memory: for tests, and for trying the gate out. Its
// contents end with the process.
package memstore

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// batchSize is how many entries one Read returns at most.
const batchSize = 4096

// Store is a store.Backend in memory. It is safe for concurrent use.
type Store struct {
	clock func() time.Time

	mu         sync.Mutex
	closed     chan struct{}
	generation store.Generation
	trimmed    uint64 // every entry up to this sequence number was forgotten
	entries    []store.Entry
	grown      chan struct{} // closed, and replaced, at each Append
	registry   registry
	grants     grants
	bounds     store.Bounds
	retention  time.Duration // the longest retention passed to Retain
}

// Options say how a store works.
type Options struct {
	// Clock tells the time by which sessions expire. Default: time.Now.
	Clock func() time.Time
	// Sessions bound how many sessions the store keeps.
	Sessions store.SessionLimits
}

// New returns an empty store that takes the time from clock; nil means
// time.Now.
func New(clock func() time.Time) *Store { return NewWith(Options{Clock: clock}) }

// NewWith returns an empty store.
func NewWith(o Options) *Store {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	return &Store{
		clock:      o.Clock,
		closed:     make(chan struct{}),
		generation: store.Generation(rand.Uint64() | 1),
		grown:      make(chan struct{}),
		registry:   newRegistry(o.Sessions),
		grants:     newGrants(),
	}
}

// Append implements store.Store.
func (s *Store) Append(ctx context.Context, revocations ...store.Revocation) (store.Position, error) {
	if err := ctx.Err(); err != nil {
		return store.Position{}, fmt.Errorf("appending: %w", err)
	}
	if _, err := store.MarshalRevocations(revocations); err != nil {
		return store.Position{}, fmt.Errorf("appending: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return store.Position{}, fmt.Errorf("appending: %w", store.ErrClosed)
	}
	position := s.head()
	position.Seq++
	s.entries = append(s.entries, store.Entry{
		Position:    position,
		Revocations: slices.Clone(revocations),
	})
	close(s.grown)
	s.grown = make(chan struct{})
	return position, nil
}

// Read implements store.Store.
func (s *Store) Read(ctx context.Context, after store.Position, wait time.Duration) (store.Batch, error) {
	var deadline <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		deadline = timer.C
	}
	for {
		batch, grown, err := s.read(ctx, after)
		if err != nil || len(batch.Entries) > 0 || deadline == nil {
			return batch, err
		}
		select {
		case <-grown:
		case <-s.closed:
		case <-ctx.Done():
		case <-deadline:
			deadline = nil
		}
	}
}

func (s *Store) read(ctx context.Context, after store.Position) (store.Batch, <-chan struct{}, error) {
	if err := ctx.Err(); err != nil {
		return store.Batch{}, nil, fmt.Errorf("reading: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	head := s.head()
	switch {
	case s.isClosed():
		return store.Batch{}, nil, fmt.Errorf("reading: %w", store.ErrClosed)
	case after == store.Position{}:
		after.Seq = s.trimmed
	case after.Generation != s.generation:
		return store.Batch{}, nil, fmt.Errorf("reading: %w", store.ErrGeneration)
	case after.Seq < s.trimmed || after.Seq > head.Seq:
		return store.Batch{}, nil, fmt.Errorf("reading after %d, held are %d to %d: %w",
			after.Seq, s.trimmed+1, head.Seq, store.ErrGap)
	}
	entries := s.entries[after.Seq-s.trimmed:]
	entries = slices.Clone(entries[:min(len(entries), batchSize)])
	return store.Batch{Entries: entries, Head: head, Bounds: s.bounds, Now: s.clock().Unix()}, s.grown, nil
}

// Trim implements store.Store.
func (s *Store) Trim(_ context.Context, now time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return fmt.Errorf("trimming: %w", store.ErrClosed)
	}
	expired := 0
	for now.Unix() >= s.bounds.Hold && expired < len(s.entries) && s.entries[expired].Expires() <= now.Unix() {
		expired++
		s.bounds.Swept = max(s.bounds.Swept, now.Unix())
	}
	s.entries = slices.Clone(s.entries[expired:])
	s.trimmed += uint64(expired)
	s.registry.forget(now.Unix())
	s.grants.forget(now.Unix())
	return nil
}

// Retain implements store.Local.
func (s *Store) Retain(_ context.Context, retention, margin time.Duration) (time.Duration, store.Bounds, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return 0, store.Bounds{}, fmt.Errorf("setting the retention: %w", store.ErrClosed)
	}
	if now := s.clock(); 0 < s.retention && s.retention < retention {
		s.bounds = s.bounds.Join(store.Bounds{Hold: now.Add(retention + margin).Unix(), Forgotten: now.Add(-s.retention).Unix()})
	}
	s.retention = max(s.retention, retention)
	return s.retention, s.bounds, nil
}

// LowerFloor implements store.Local. A memory store never has a floor.
func (s *Store) LowerFloor(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return fmt.Errorf("lowering the floor: %w", store.ErrClosed)
	}
	return nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.isClosed() {
		return fmt.Errorf("closing: %w", store.ErrClosed)
	}
	close(s.closed)
	return nil
}

func (s *Store) isClosed() bool {
	select {
	case <-s.closed:
		return true
	default:
		return false
	}
}

func (s *Store) head() store.Position {
	return store.Position{Generation: s.generation, Seq: s.trimmed + uint64(len(s.entries))}
}

var (
	_ store.Backend = (*Store)(nil)
	_ store.Local   = (*Store)(nil)
)
