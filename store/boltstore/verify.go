package boltstore

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/sessiongate/sessiongate/store"
)

// verified is what a sound file holds.
type verified struct {
	head
	sessions int // number of sessions in the index of all
}

// openFile opens, locks and verifies the database at path, in this order, and
// returns what it holds.
func openFile(path string, timeout time.Duration) (db *bolt.DB, file *os.File, v verified, err error) {
	options := &bolt.Options{
		Timeout:      timeout,
		FreelistType: bolt.FreelistMapType, // the array is slow once a large log was trimmed
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			f, err := os.OpenFile(name, flag&^os.O_CREATE, mode)
			if err != nil {
				return nil, err
			}
			if v, err = lockAndVerify(f, timeout); err != nil {
				return nil, errors.Join(err, f.Close())
			}
			file = f
			return f, nil
		},
	}
	panicked, err := guarded(func() (err error) {
		db, err = bolt.Open(path, 0o600, options)
		return err
	})
	if panicked && file != nil {
		_ = file.Close() // releases the lock, because bbolt cannot any more
	}
	switch {
	case errors.Is(err, store.ErrLocked) || errors.Is(err, bolterrors.ErrTimeout):
		return nil, nil, v, fmt.Errorf("%q: %w: stop the other process, or give this gate a path of its own; "+
			"gates that are to share revocations need the redis store", path, store.ErrLocked)
	case errors.Is(err, store.ErrDamaged):
		return nil, nil, v, advise(path, err)
	case err != nil:
		return nil, nil, v, fmt.Errorf("%q: %w", path, err)
	}
	return db, file, v, nil
}

func lockAndVerify(f *os.File, timeout time.Duration) (verified, error) {
	if err := lock(f, timeout); err != nil {
		return verified{}, err
	}
	return verify(f)
}

// verify checks a whole file, and returns what it holds.
func verify(f *os.File) (verified, error) {
	stat, err := f.Stat()
	if err != nil {
		return verified{}, err
	}
	var c contents
	if err := verifyFile(f, stat.Size(), &c); err != nil {
		return verified{}, err
	}
	h, err := c.finish()
	return verified{head: h, sessions: c.sessions}, err
}

// contents checks what a file holds against what its head promises.
//
// Invariant: a file passes only if the log holds every entry after trimmed up to the
// head, each with its checksum, and both copies of the head agree. So damage can make
// the store refuse to open, but cannot remove revocations.
type contents struct {
	buckets []string
	head    *head
	seal    *head
	last    uint64 // sequence number of the last entry
	// sessions is how many sessions the index of all names.
	sessions int
}

// bucket is called for each bucket, in the order of the names.
func (c *contents) bucket(name string) error {
	if name == bucketLog {
		if c.head == nil {
			return damagef("the head of the log is missing")
		}
		c.last = c.head.trimmed
	}
	c.buckets = append(c.buckets, name)
	return nil
}

// pair is called for each key of the bucket that was shown last.
func (c *contents) pair(key, value []byte) error {
	switch c.buckets[len(c.buckets)-1] {
	case bucketHead:
		return c.set(&c.head, key, keyHead, value)
	case bucketLog:
		if c.last == c.head.seq {
			return c.set(&c.seal, key, keySeal, value)
		}
		return c.entry(key, value)
	case bucketSubjects:
		if bytes.HasPrefix(key, allSessions) {
			c.sessions++
		}
		return nil
	default:
		return nil // sessions are checked record by record when they are read
	}
}

func (c *contents) set(h **head, key, want, value []byte) error {
	if *h != nil || !bytes.Equal(key, want) {
		return damagef("an unexpected key where the head of the log belongs")
	}
	found, err := unmarshalHead(value)
	*h = &found
	return err
}

func (c *contents) entry(key, value []byte) error {
	at := store.Position{Generation: c.head.generation, Seq: c.last + 1}
	if !bytes.Equal(key, seqKey(at.Seq)) {
		return damagef("entry %d is missing", at.Seq)
	}
	if !verifyEntry(at, value) {
		return damagef("entry %d has a wrong checksum", at.Seq)
	}
	c.last = at.Seq
	return nil
}

// finish returns the head after the last key.
func (c *contents) finish() (head, error) {
	switch {
	case !slices.Equal(c.buckets, bucketNames):
		return head{}, damagef("it has the buckets %q, want %q", c.buckets, bucketNames)
	case c.head == nil || c.seal == nil:
		return head{}, damagef("the head of the log is missing")
	case *c.head != *c.seal:
		return head{}, damagef("the two copies of the log's head do not agree")
	}
	return *c.head, nil
}
