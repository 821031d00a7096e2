package boltstore

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// brief is how long a test waits for a lock that stays held.
const brief = 50 * time.Millisecond

// wantLocked opens a store that another process holds.
func wantLocked(t *testing.T, path string, timeout time.Duration) {
	t.Helper()
	begin := time.Now()
	_, err := Open(Options{Path: path, LockTimeout: timeout})
	if !errors.Is(err, store.ErrLocked) {
		t.Fatalf("Open gave %v, want ErrLocked", err)
	}
	if !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "stop the other process") {
		t.Errorf("the error does not name the file and the remedy: %v", err)
	}
	if took := time.Since(begin); took < timeout/2 || took > defaultLockTimeout+time.Second {
		t.Errorf("with a timeout of %v, Open took %v", timeout, took)
	}
}

func TestLockedByThisProcess(t *testing.T) {
	path := freshPath(t)
	s := openAt(t, path)
	wantLocked(t, path, 0)                 // the default, a second
	mustAppend(t, s, numbered(1, later())) // the holder is not disturbed
	mustClose(t, s)
	openAt(t, path)
}

// A reload starts the new gate while the old one still finishes: Open waits.
func TestOpenWaitsForTheLock(t *testing.T) {
	path := freshPath(t)
	first := openAt(t, path)
	opened := make(chan error, 1)
	go func() {
		second, err := Open(Options{Path: path, LockTimeout: soon})
		if err == nil {
			err = second.Close()
		}
		opened <- err
	}()
	if _, err := Open(Options{Path: path, LockTimeout: brief}); !errors.Is(err, store.ErrLocked) {
		t.Fatalf("Open gave %v, want ErrLocked", err)
	}
	select {
	case err := <-opened:
		t.Fatalf("Open did not wait: %v", err)
	default:
	}
	mustClose(t, first)
	if err := <-opened; err != nil {
		t.Errorf("Open after the lock was free: %v", err)
	}
}

// A refused Open must release the file, or it could not be repaired.
func TestRefusedOpenFreesTheLock(t *testing.T) {
	path := freshPath(t)
	mustClose(t, openAt(t, path))
	right := mustRead(t, path)
	mustWrite(t, path, right[:len(right)/2])
	wantDamaged(t, path, "cut off")
	mustWrite(t, path, right)
	openAt(t, path)
}
