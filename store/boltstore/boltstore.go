package boltstore

import (
	"fmt"
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

// Options say where a store lies and what it leans on.
type Options struct {
	// Path is the database file. It is created, with its directories (0700),
	// if it was never there. Required.
	Path string
	// Clock tells the time by which sessions expire. Default: time.Now.
	Clock func() time.Time
	// Sessions bound how many sessions the store keeps.
	Sessions store.SessionLimits
	// Logger is told of what an operator should know. Default: nobody is told.
	Logger *slog.Logger
	// LockTimeout is how long Open waits for another process to let go of the
	// file. Default: 1 s.
	LockTimeout time.Duration
}

// Store is a store.Backend in a bbolt file. It is safe for concurrent use.
type Store struct {
	path   string
	clock  func() time.Time
	logger *slog.Logger
	db     *bolt.DB
	file   *os.File    // the file that db maps
	opened os.FileInfo // what path named when it was opened

	appends chan *appending // to the writer
	changes chan *change    // to the writer
	done    chan struct{}   // closed when the writer has ended

	limits store.SessionLimits
	listed int // how many sessions the index of all names; only the writer uses it

	size   atomic.Int64          // how large the file was seen to be; it only grows
	broken atomic.Pointer[error] // set once a transaction panicked

	mu      sync.Mutex
	closed  bool
	closing chan struct{} // closed by Close
	grown   chan struct{} // closed, and replaced, when the log has grown
}

var _ store.Backend = (*Store)(nil)

// Open opens the store at o.Path, and creates it if it was never there. It
// reads all of the file that is in use, about 0.2 s for a million entries.
//
// Its error wraps store.ErrLocked if another process, or another Store of this
// one, holds the file, and store.ErrDamaged if the file is not what was
// written, was deleted, or is not this store's. Then nothing was changed, and
// the text says what to do next.
func Open(o Options) (*Store, error) {
	path, err := RealPath(o.Path)
	if err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	s := &Store{
		path:    path,
		clock:   o.Clock,
		logger:  o.Logger,
		limits:  o.Sessions.OrDefault(),
		appends: make(chan *appending),
		changes: make(chan *change),
		done:    make(chan struct{}),
		closing: make(chan struct{}),
		grown:   make(chan struct{}),
	}
	if s.clock == nil {
		s.clock = time.Now
	}
	if s.logger == nil {
		s.logger = slog.New(slog.DiscardHandler)
	}
	timeout := o.LockTimeout
	if timeout <= 0 {
		timeout = defaultLockTimeout
	}
	if err := s.open(timeout); err != nil {
		return nil, fmt.Errorf("opening store: %w", err)
	}
	go s.write()
	return s, nil
}

func (s *Store) open(timeout time.Duration) error {
	if err := ensureCreated(s.path); err != nil {
		return err
	}
	db, file, found, err := openFile(s.path, timeout)
	if err != nil {
		return err
	}
	s.db, s.file, s.listed = db, file, found.sessions
	s.opened, err = file.Stat()
	if err == nil {
		err = s.intact() // what was locked may not be what path names by now
	}
	if err == nil {
		err = s.mark(found.head)
	}
	if err == nil {
		err = s.upgrade()
	}
	if err != nil {
		_ = db.Close() // the error that counts is the one before
		return err
	}
	removeLeftovers(s.path)
	s.logger.Debug("store opened", "path", s.path, "oldest", found.trimmed+1, "head", found.seq)
	return nil
}

// mark makes sure that the marker is there and belongs to this database.
func (s *Store) mark(head head) error {
	generation, found, err := readMarker(s.path)
	switch {
	case err != nil:
		return err
	case !found:
		s.logger.Info("store marked as created", "path", s.path, "entries", head.seq-head.trimmed)
		return writeMarker(s.path, head.generation)
	case generation != head.generation:
		return advise(s.path, damagef("it is another database than %q was written for", markerPath(s.path)))
	}
	return nil
}

// Close ends the calls that wait, finishes the commit that is under way, and
// lets go of the file. A second Close returns store.ErrClosed.
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
	if s.broken.Load() != nil {
		// A transaction that panicked may hold bbolt's locks for good. Closing
		// the file frees the lock on it; the mapping stays until the end.
		return s.closeFile()
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("closing store: %w", err)
	}
	return nil
}

func (s *Store) closeFile() error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("closing store: %w", err)
	}
	return nil
}
