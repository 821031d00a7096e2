package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// newSuffix begins the end of the names under which files are built.
const newSuffix = ".new-"

// ensureCreated creates the store at path if it was never there.
//
// Invariant: the marker is written after the database is durable under its
// name, and before Open returns. So a marker without a database means that the
// database was deleted, and a database without a marker, which a crash may
// leave, holds nothing that anybody was told of.
func ensureCreated(path string) error {
	_, found, err := readMarker(path) // first: whoever creates it now writes it last
	if err != nil {
		return err
	}
	_, err = os.Stat(path)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case found:
		return advise(path, damagef("it was created once and is gone"))
	}
	if err := create(path); err != nil {
		return fmt.Errorf("creating %q: %w", path, err)
	}
	return nil
}

// create builds an empty database under a name of its own and then links it to
// path, so that path never names anything unfinished. Linking, other than
// renaming, leaves alone what another process has just put there.
func create(path string) error {
	dir := filepath.Dir(path)
	if err := makeDir(dir); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, filepath.Base(path)+newSuffix+"*")
	if err != nil {
		return err
	}
	built := f.Name()
	defer func() { _ = os.Remove(built) }() // the next Open removes what is left
	if err := f.Close(); err != nil {
		return err
	}
	if err := initialise(built, store.Generation(rand.Uint64()|1)); err != nil {
		return err
	}
	if err := os.Link(built, path); err != nil {
		if _, other := os.Stat(path); other != nil {
			return err
		}
	}
	return syncDir(dir)
}

// initialise makes an empty store of a generation of an empty file, durably.
func initialise(path string, generation store.Generation) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		if err := addBuckets(tx); err != nil {
			return err
		}
		return saveHead(tx, head{generation: generation})
	})
	return errors.Join(err, db.Close())
}

// addBuckets makes the buckets that are missing.
func addBuckets(tx *bolt.Tx) error {
	for _, name := range bucketNames {
		if _, err := tx.CreateBucketIfNotExists([]byte(name)); err != nil {
			return err
		}
	}
	return nil
}

// upgrade makes the buckets that a file of an earlier version does not have.
func (s *Store) upgrade() error {
	older := false
	err := s.view(func(tx *bolt.Tx) error {
		older = tx.Bucket([]byte(bucketGrants)) == nil
		return nil
	})
	if err != nil || !older {
		return err
	}
	return s.update(addBuckets)
}

// removeLeftovers removes what a crash left of an earlier creation. Whoever
// calls it holds the lock on the database, so nobody else needs to finish one.
func removeLeftovers(path string) {
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return // they are in nobody's way
	}
	for _, file := range files {
		for _, base := range []string{path, markerPath(path)} {
			if strings.HasPrefix(file.Name(), filepath.Base(base)+newSuffix) {
				_ = os.Remove(filepath.Join(filepath.Dir(path), file.Name()))
			}
		}
	}
}
