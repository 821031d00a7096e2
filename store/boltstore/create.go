package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

// newSuffix is part of the names under which files are built.
const newSuffix = ".new-"

// ensureCreated creates the store at path if it was never there.
//
// Invariant: the marker is written after the database is durable under its name, and
// before Open returns. So a marker without a database means that the database was
// deleted. A database without a marker, which a crash may leave, holds no confirmed
// entry.
func ensureCreated(path string) error {
	_, found, err := readMarker(path) // first, because a creation that is running now writes the marker last
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
		return advise(path, errGone)
	}
	if err := create(path); err != nil {
		return fmt.Errorf("creating %q: %w", path, err)
	}
	return nil
}

// create builds an empty database under another name and then links it to path, so that
// path never names an unfinished file. Unlike renaming, linking leaves alone a file
// that another process has just created.
func create(path string) error {
	if err := makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	built, err := build(path, func(name string) error {
		return initialise(name, head{generation: store.Generation(rand.Uint64() | 1)})
	})
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(built) }() // the next Open removes leftovers
	if err := os.Link(built, path); err != nil {
		if _, other := os.Stat(path); other != nil {
			return err
		}
	}
	return syncDir(filepath.Dir(path))
}

// build makes a file beside path and fills it. The file gets the owner of the file at
// path, or of the marker.
func build(path string, fill func(name string) error) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+newSuffix+"*")
	if err != nil {
		return "", err
	}
	if err = errors.Join(keepOwner(f, markerPath(path)), keepOwner(f, path), f.Close()); err == nil {
		err = fill(f.Name())
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return f.Name(), err
}

// initialise makes an empty file a store with an empty log, durably.
func initialise(path string, h head) error {
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: time.Second})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		for _, name := range bucketNames {
			if _, err := tx.CreateBucket([]byte(name)); err != nil {
				return err
			}
		}
		return saveHead(tx, h)
	})
	return errors.Join(err, db.Close())
}

// removeLeftovers removes the leftovers of a crash during an earlier creation. The
// caller holds the lock on the database, so no other process needs them.
func removeLeftovers(path string) {
	left, _ := filepath.Glob(path + newSuffix + "*") // they do no harm
	for _, name := range left {
		_ = os.Remove(name)
	}
}
