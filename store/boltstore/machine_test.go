package boltstore

import (
	"bytes"
	"log/slog"
	"testing"
	"time"
)

// machine is a machine whose clocks a test moves.
type machine struct {
	wall    time.Time
	elapsed time.Duration
	log     bytes.Buffer
}

func newMachine() *machine { return &machine{wall: time.Now()} }

// pass lets time pass, by both clocks.
func (m *machine) pass(d time.Duration) {
	m.wall = m.wall.Add(d)
	m.elapsed += d
}

const (
	testLeeway = 5 * time.Minute
	testSkew   = time.Minute
)

// options returns the options of a store on this machine.
func (m *machine) options(path string) Options {
	return Options{
		Path: path, Leeway: testLeeway, Skew: testSkew, Logger: slog.New(slog.NewTextHandler(&m.log, nil)),
		Clock:   func() time.Time { return m.wall },
		Elapsed: func() time.Duration { return m.elapsed },
	}
}

// open opens the store at path and closes it at the end of the test.
func (m *machine) open(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(m.options(path))
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the test may have closed it already
	return s
}

// sweep trims as a gate does.
func (m *machine) sweep(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Trim(t.Context(), m.wall); err != nil {
		t.Fatalf("Trim: %v", err)
	}
}
