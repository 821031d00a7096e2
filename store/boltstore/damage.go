package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"

	"github.com/sessiongate/sessiongate/store"
)

// damagef returns an error that describes damage. It wraps store.ErrDamaged.
func damagef(format string, args ...any) error {
	return fmt.Errorf("%s: %w", fmt.Sprintf(format, args...), store.ErrDamaged)
}

// errGone is the damage of a store that has a marker and no database.
var errGone = damagef("it was created once and is gone")

// advise adds to an error of Open what an operator can do. None of the remedies makes a
// revoked token valid without a warning.
func advise(path string, found error) error {
	return fmt.Errorf("%q: %w; the gate answers 503 until this is fixed. Stop it, and run one of two commands: "+
		"caddy session-gate repair --file %q --yes keeps what is sound, or begins an empty store if nothing is; "+
		"caddy session-gate repair --file %q --restored takes a copy that you have put back from a backup. "+
		"If revocations may be lost, both refuse all tokens issued so far, and users have to log in again",
		path, found, path, path)
}

// intact returns an error unless path still names the file that is open, and all of it.
// Data written to a file without a name is lost when the process ends.
func (s *Store) intact() error {
	size := s.size.Load() // before Stat, because the file may grow meanwhile
	now, err := os.Stat(s.options.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return damagef("%q was deleted while in use", s.options.Path)
	case err != nil:
		return err
	case !os.SameFile(now, s.opened):
		return damagef("%q was replaced while in use", s.options.Path)
	case now.Size() < size:
		return damagef("%q was cut off while in use", s.options.Path)
	case now.Size() > size:
		s.size.CompareAndSwap(size, now.Size())
	}
	return nil
}

// guarded runs fn, which uses bbolt's mapping of the file, and turns a panic into an
// error that wraps store.ErrDamaged. Open has verified the file, so this is for later
// damage. bbolt panics if a page is not what it expects. The mapping of a file that was
// cut off faults, which ends the process unless the goroutine asks for a panic instead.
func guarded(fn func() error) (panicked bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			panicked, err = true, damagef("using the file panicked: %v", p)
		}
	}()
	return false, fn()
}

// use runs a transaction, unless an earlier one panicked: that one may still hold locks
// of bbolt.
func (s *Store) use(transaction func() error) error {
	if broken := s.broken.Load(); broken != nil {
		return *broken
	}
	if err := s.intact(); err != nil {
		return err
	}
	panicked, err := guarded(transaction)
	if panicked && s.broken.CompareAndSwap(nil, &err) {
		s.options.Logger.Error("store damaged while in use", "path", s.options.Path, "error", err)
	}
	return err
}
