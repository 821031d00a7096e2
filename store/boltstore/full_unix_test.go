//go:build unix && !solaris && !aix

package boltstore

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// Fault: the disk is full. A limit on the size of files makes the same system calls fail.
// No entry is acknowledged that is not on disk. When there is room again, the store
// continues by itself.
func TestFullDisk(t *testing.T) {
	// The limit applies to every file of a process, including the output of the go
	// command. So this test uses a process of its own.
	const part = "full disk"
	if os.Getenv(childEnv) != part {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFullDisk$", "-test.v")
		child.Env = append(os.Environ(), childEnv+"="+part)
		output, err := child.CombinedOutput()
		if err != nil || !strings.Contains(string(output), "--- PASS: TestFullDisk") {
			t.Errorf("error %v\n%s", err, output)
		}
		return
	}
	path := freshPath(t)
	s := openAt(t, path)
	var entries []store.Position
	for n := range 10 {
		entries = append(entries, mustAppend(t, s, numbered(n, later())))
	}
	large := make([]store.Revocation, store.MaxRevocations)
	for n := range large {
		large[n] = numbered(n, later())
	}
	withFileLimit(t, path, func() {
		for range 3 {
			if position, err := s.Append(t.Context(), large...); err == nil {
				t.Errorf("Append on a full disk gave %v", position)
			} else if !errors.Is(err, syscall.EFBIG) {
				t.Logf("Append on a full disk: %v", err)
			}
		}
		if held := readAll(t, s); len(held) != len(entries) {
			t.Errorf("on a full disk, %d entries are read, want %d", len(held), len(entries))
		}
	})
	entries = append(entries, mustAppend(t, s, large...))
	mustClose(t, s)
	held := readAll(t, openAt(t, path))
	if len(held) != len(entries) {
		t.Fatalf("the store holds %d entries, want %d", len(held), len(entries))
	}
	for i, entry := range held {
		if entry.Position != entries[i] {
			t.Errorf("entry %d is at %v, want %v", i, entry.Position, entries[i])
		}
	}
}

// withFileLimit runs fn while no file of this process may exceed the size of the file at
// path.
func withFileLimit(t *testing.T, path string, fn func()) {
	t.Helper()
	stat, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := before
	limit.Cur = uint64(stat.Size())
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
	}()
	fn()
}
