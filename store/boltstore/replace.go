package boltstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// rebuildEntries is how many entries or tokens one transaction of a rebuild holds.
const rebuildEntries = 1024

// Replace replaces the damaged store by a new one that holds what was salvaged, in a
// generation of its own. It returns the name under which the damaged file is kept, if
// there is one. The damaged file's marker is kept under the same name and ".init". The
// new files get the owner of the damaged one. If revocations may be lost, the next Open
// raises the floor.
//
// The new store is built, verified and durable before anything is replaced. After a
// crash in between, the store is as damaged as before, or sound, but never empty.
func (s *Salvaged) Replace() (damaged string, err error) {
	h := s.base
	h.generation, h.trimmed, h.seq, h.tag = store.Generation(rand.Uint64()|1), 0, 0, 0
	built, err := build(s.Path, func(name string) error { return s.fill(name, h) })
	if err == nil {
		damaged, err = s.replace(built, h)
		_ = os.Remove(built) // by then it has another name, or is useless
	}
	if err != nil {
		return "", fmt.Errorf("replacing %q: %w", s.Path, err)
	}
	return damaged, nil
}

func (s *Salvaged) replace(built string, want head) (damaged string, err error) {
	fresh, err := os.Open(built)
	if err != nil {
		return "", err
	}
	defer fresh.Close()
	// No process opens the new file before its marker is there.
	if err := lock(fresh, defaultLockTimeout); err != nil {
		return "", err
	}
	found, err := verify(fresh)
	if err != nil {
		return "", err
	}
	if found.bounds != want.bounds || found.seq != uint64(s.Entries) {
		return "", fmt.Errorf("the new file holds %d entries, want %d", found.seq, s.Entries)
	}
	if damaged, err = s.keepDamaged(); err != nil {
		return "", err
	}
	if err := os.Rename(built, s.Path); err != nil {
		return "", err
	}
	text := restoredText
	if s.Whole {
		text = markerOf(found.head).text()
	}
	// Until the new marker is written, the new file does not match the old one: it
	// counts as damaged.
	return damaged, errors.Join(syncDir(filepath.Dir(s.Path)), writeMarker(s.Path, text))
}

// fill writes the kept entries and tokens into an empty file, durably.
func (s *Salvaged) fill(path string, h head) error {
	if err := initialise(path, h); err != nil {
		return err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	for numbers := range slices.Chunk(s.kept.numbers(), rebuildEntries) {
		group := make([]*appending, len(numbers))
		for i, seq := range numbers {
			group[i] = newAppending(s.kept.values[seq][entryHeaderSize:])
		}
		err = errors.Join(err, db.Update(func(tx *bolt.Tx) error { return appendEntries(tx, group, h.clock) }))
	}
	now := time.Now().Unix()
	for some := range slices.Chunk(s.kept.grants, rebuildEntries) {
		err = errors.Join(err, db.Update(func(tx *bolt.Tx) error { return learnAll(tx, some, now) }))
	}
	return errors.Join(err, db.Close())
}

// keepDamaged gives the damaged file and its marker, if they are there, a second
// name.
func (s *Salvaged) keepDamaged() (string, error) {
	if s.file == nil {
		return "", nil
	}
	damaged := s.Path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000000")
	if err := os.Link(s.Path, damaged); err != nil {
		return "", err
	}
	if err := os.Link(markerPath(s.Path), markerPath(damaged)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	return damaged, syncDir(filepath.Dir(s.Path))
}
