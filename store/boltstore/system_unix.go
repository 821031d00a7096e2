//go:build unix && !solaris && !aix

package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// lockRetry is how often a held lock is tried again.
const lockRetry = 20 * time.Millisecond

// lock takes the lock that bbolt takes, on the same open file, so that bbolt can take
// it again. It is taken this early so that no other process writes while the file is
// verified.
func lock(f *os.File, timeout time.Duration) error {
	for deadline := time.Now().Add(timeout); ; time.Sleep(lockRetry) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if time.Until(deadline) < lockRetry {
			return store.ErrLocked
		}
	}
}

// keepOwner gives a new file the owner and the group of another one, if there is one.
// If root replaces a file, it still belongs to the user of the gate.
func keepOwner(f *os.File, of string) error {
	had, err := os.Stat(of)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	has, err := f.Stat()
	if err != nil {
		return err
	}
	owner, mine := had.Sys().(*syscall.Stat_t), has.Sys().(*syscall.Stat_t)
	if owner.Uid == mine.Uid && owner.Gid == mine.Gid {
		return nil
	}
	if err := f.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
		return fmt.Errorf("%w; run it as the user with the id %d, who owns %q", err, owner.Uid, of)
	}
	return nil
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
