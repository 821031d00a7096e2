package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// defaultLockTimeout is long enough for a predecessor to finish its last
// commit, and short enough for a clear error at the start.
const defaultLockTimeout = time.Second

// Options say where a store is and which clocks it uses.
type Options struct {
	// Path is the database file. It is created, with its directories (0700),
	// if it was never there. Required.
	Path string
	// Clock is the wall clock. Default: time.Now.
	Clock func() time.Time
	// Elapsed is how long the process has run, counted from any fixed moment. Steps of
	// the wall clock must not move it. Default: the monotonic clock.
	Elapsed func() time.Duration
	// Leeway is added to the present time when the floor is raised: it is the longest
	// by which an accepted token's `iat` may be ahead. Skew is how far the wall clock
	// may be behind the time by which revocations were forgotten. Default: none.
	Leeway, Skew time.Duration
	// Sessions bound how many sessions the store keeps.
	Sessions store.SessionLimits
	// Logger receives what an operator should know. Default: none.
	Logger *slog.Logger
	// LockTimeout is how long Open waits for another process to release the file.
	// Default: 1 s.
	LockTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Elapsed == nil {
		o.Elapsed = running
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Sessions = o.Sessions.OrDefault()
	if o.LockTimeout <= 0 {
		o.LockTimeout = defaultLockTimeout
	}
	return o
}

// Store is a store.Backend in a bbolt file. It is safe for concurrent use.
type Store struct {
	options Options
	own     clock
	db      *bolt.DB
	file    *os.File    // the file that db maps
	opened  os.FileInfo // the file at path when it was opened

	appends chan *appending // to the writer
	changes chan *change    // to the writer
	done    chan struct{}   // closed when the writer has ended

	listed int // number of sessions in the index of all; only the writer uses it

	marker *os.File // only Open and the writer use it and marked
	marked marker

	size   atomic.Int64          // the largest size seen; it only grows
	broken atomic.Pointer[error] // set once a transaction panicked
	paused atomic.Bool           // only Open and the writer set it

	mu      sync.Mutex
	closed  bool
	closing chan struct{} // closed by Close
	grown   chan struct{} // closed, and replaced, when the log has grown
}

var _ store.Backend = (*Store)(nil)

// Open opens the store at o.Path, and creates it if it was never there. It reads all of
// the file that is in use, about 0.2 s for a million entries. If the file may have lost
// revocations, the store opens with a floor: Bounds.Floor is the present time.
//
// Its error wraps store.ErrLocked if another process, or another Store of this one,
// holds the file. It wraps store.ErrDamaged if the file is not what was written, was
// deleted, or belongs to another store. Then nothing was changed, and the text says
// what to do next.
func Open(o Options) (*Store, error) {
	o = o.withDefaults()
	var err error
	if o.Path, err = RealPath(o.Path); err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	s := &Store{
		options: o,
		own:     clock{wall: o.Clock, elapsed: o.Elapsed},
		appends: make(chan *appending),
		changes: make(chan *change),
		done:    make(chan struct{}),
		closing: make(chan struct{}),
		grown:   make(chan struct{}),
	}
	if err := s.open(); err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	go s.write()
	return s, nil
}

func (s *Store) open() error {
	if err := ensureCreated(s.options.Path); err != nil {
		return err
	}
	db, file, found, err := openFile(s.options.Path, s.options.LockTimeout)
	if err != nil {
		return err
	}
	s.db, s.file, s.listed = db, file, found.sessions
	s.opened, err = file.Stat()
	if err == nil {
		err = s.intact() // path may by now name another file than the locked one
	}
	if err == nil {
		err = s.settle(found.head)
	}
	if _, missing := os.Stat(pausePath(s.options.Path)); missing == nil || !errors.Is(missing, fs.ErrNotExist) {
		s.paused.Store(true)
	}
	if err != nil {
		_ = errors.Join(s.marker.Close(), db.Close()) // the earlier error counts
		return err
	}
	removeLeftovers(s.options.Path)
	s.options.Logger.Debug("store opened", "path", s.options.Path, "oldest", found.trimmed+1, "head", found.seq)
	return nil
}

// Close ends the calls that wait, finishes the running commit, and releases the file. A
// second Close returns store.ErrClosed.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return fmt.Errorf("closing store: %w", store.ErrClosed)
	}
	s.closed = true
	close(s.closing)
	s.mu.Unlock()
	<-s.done
	letGo := s.db.Close
	if s.broken.Load() != nil {
		// A transaction that panicked may hold bbolt's locks for good. Closing
		// the file frees the lock on it; the mapping stays until the end.
		letGo = s.file.Close
	}
	if err := errors.Join(s.marker.Sync(), s.marker.Close(), letGo()); err != nil {
		return fmt.Errorf("closing store: %w", err)
	}
	return nil
}
