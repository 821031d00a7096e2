package boltstore

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// ErrNothingKept is that of Replace where not one entry could be kept and some may
// be lost: an empty store in the place of a damaged one would look sound.
var ErrNothingKept = errors.New("not one revocation could be kept")

// rebuildEntries is how many entries, sessions or tokens one transaction of a
// rebuilding holds.
const rebuildEntries = 1024

// Replace puts a store that holds what was salvaged, of a generation of its own, in
// the place of the damaged one, and returns the name under which the damaged file
// is kept. Its marker is kept under the same name and ".init". The new files are
// owned by the owner of the damaged one.
//
// The new store is built, verified and durable before anything is replaced. After
// a crash in between the store is as damaged as before, or sound, and never empty.
func (s *Salvaged) Replace() (damaged string, err error) {
	if s.Entries == 0 && !s.Whole() {
		return "", fmt.Errorf("replacing %q: %w", s.Path, ErrNothingKept)
	}
	if damaged, err = s.replace(); err != nil {
		return "", fmt.Errorf("replacing %q: %w", s.Path, err)
	}
	return damaged, nil
}

func (s *Salvaged) replace() (damaged string, err error) {
	built, generation, err := s.build()
	if err != nil {
		return "", err
	}
	defer func() { _ = os.Remove(built) }() // it has another name by then, or is of no use
	fresh, err := os.Open(built)
	if err != nil {
		return "", err
	}
	defer fresh.Close()
	// Nobody opens the new file before its marker is there.
	if err := lock(fresh, defaultLockTimeout); err != nil {
		return "", err
	}
	if damaged, err = s.keepDamaged(); err != nil {
		return "", err
	}
	if err := os.Rename(built, s.Path); err != nil {
		return "", err
	}
	// Until the marker is written, the new file is another's by the old one: damaged.
	if err := errors.Join(syncDir(filepath.Dir(s.Path)), writeMarker(s.Path, generation)); err != nil {
		return "", err
	}
	return damaged, nil
}

// build makes the new store under a name of its own, beside the damaged one.
func (s *Salvaged) build() (name string, generation store.Generation, err error) {
	f, err := os.CreateTemp(filepath.Dir(s.Path), filepath.Base(s.Path)+newSuffix+"*")
	if err != nil {
		return "", 0, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err := errors.Join(keepOwner(f, s.Path), f.Close()); err != nil {
		return "", 0, err
	}
	generation = store.Generation(rand.Uint64() | 1)
	if err := s.fill(f.Name(), generation); err != nil {
		return "", 0, err
	}
	found, err := verifyPath(f.Name())
	want := head{generation: generation, seq: uint64(s.Entries)}
	if err == nil && found.head != want {
		err = fmt.Errorf("the new file holds %d entries, want %d", found.seq, want.seq)
	}
	return f.Name(), generation, err
}

// fill writes what is kept into an empty file, durably.
func (s *Salvaged) fill(path string, generation store.Generation) error {
	if err := initialise(path, generation); err != nil {
		return err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	for numbers := range slices.Chunk(s.kept.numbers(s.after), rebuildEntries) {
		group := make([]*appending, len(numbers))
		for i, seq := range numbers {
			group[i] = newAppending(s.kept.payloads[seq])
		}
		err = errors.Join(err, db.Update(func(tx *bolt.Tx) error { return appendEntries(tx, group) }))
	}
	sessions := slices.Collect(maps.Values(s.kept.sessions))
	for some := range slices.Chunk(sessions, rebuildEntries) {
		err = errors.Join(err, db.Update(func(tx *bolt.Tx) error { return recordAll(tx, some) }))
	}
	now := time.Now().Unix()
	grants := slices.DeleteFunc(slices.Collect(maps.Values(s.kept.grants)), func(g store.Grant) bool { return g.Expires <= now })
	for some := range slices.Chunk(grants, rebuildEntries) {
		err = errors.Join(err, db.Update(func(tx *bolt.Tx) error { return learnAll(tx, some, now) }))
	}
	return errors.Join(err, db.Close())
}

// verifyPath verifies the file of a store that nobody uses.
func verifyPath(path string) (verified, error) {
	f, err := os.Open(path)
	if err != nil {
		return verified{}, err
	}
	defer f.Close()
	return verify(f)
}

// keepDamaged gives the damaged file, and its marker if there is one, a second
// name.
func (s *Salvaged) keepDamaged() (string, error) {
	damaged := s.Path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000")
	if err := os.Link(s.Path, damaged); err != nil {
		return "", err
	}
	if err := os.Link(markerPath(s.Path), markerPath(damaged)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	return damaged, syncDir(filepath.Dir(s.Path))
}
