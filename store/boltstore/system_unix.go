//go:build unix && !solaris && !aix

package boltstore

import (
	"errors"
	"os"
	"syscall"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// lockRetry is how often a lock that is held is tried again.
const lockRetry = 20 * time.Millisecond

// lock takes the lock that bbolt takes, on the same open file, where taking it
// twice changes nothing. It is taken this early so that nobody writes while the
// file is verified.
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

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
