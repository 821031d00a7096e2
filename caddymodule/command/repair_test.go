package command

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/boltstore"
)

// boltFile makes a store with some revocations, and returns its path.
func boltFile(t *testing.T, n int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "revocations.db")
	s, err := boltstore.Open(boltstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if _, err := s.Append(t.Context(), store.Revocation{Kind: store.KindSession, Key: store.Key{1, byte(i), byte(i >> 8)}, Expires: 1 << 31}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// zero overwrites a part of a file.
func zero(t *testing.T, path string, from, size int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err == nil {
		_, err = f.WriteAt(make([]byte, size), from)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
}

// Fault: the command replaces a file without being told to. With the flag, it keeps
// everything that is sound. It prints what may be lost, and what that means.
func TestRepairReportsBeforeItReplaces(t *testing.T) {
	path := boltFile(t, 500)
	zero(t, path, 0, 4096)
	damaged, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var printed strings.Builder
	says := func(parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(printed.String(), part) {
				t.Errorf("it prints\n%s\nwant %q in it", printed.String(), part)
			}
		}
		printed.Reset()
	}
	if err := repair(&printed, path, false, false); !errors.Is(err, errNotReplaced) {
		t.Errorf("without a word: %v", err)
	}
	says("entries with", "lost    0 entries, and perhaps more", "would be accepted again", "refuses\nall tokens issued until it starts")
	if err := repair(&printed, path, true, false); err != nil {
		t.Errorf("dry: %v", err)
	}
	says("kept    500 entries", "0 entries, and perhaps more")
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, damaged) {
		t.Errorf("the file was changed (%v)", err)
	}
	if err := repair(&printed, path, false, true); err != nil {
		t.Errorf("replacing: %v", err)
	}
	says("Replaced. The damaged file is kept as " + path + ".damaged-")
	s, err := boltstore.Open(boltstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := s.Read(t.Context(), store.Position{}, 0)
	if err != nil || len(batch.Entries) != 500 || batch.Bounds.Floor == 0 {
		t.Errorf("%d entries are there (%v), and the bounds are %+v", len(batch.Entries), err, batch.Bounds)
	}
	for name, command := range map[string]func() error{
		"repair":   func() error { return repair(&printed, path, false, true) },
		"restored": func() error { return restored(&printed, path) },
	} {
		if err := command(); err == nil || !strings.Contains(err.Error(), "the store is in use by another process; stop the gate first") {
			t.Errorf("%s while it is in use: %v", name, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := repair(&printed, path, false, true); err != nil {
		t.Errorf("of a sound store: %v", err)
	}
	says("is not damaged")
}

// bounds returns the bounds of the store at a path.
func bounds(t *testing.T, path string) store.Bounds {
	t.Helper()
	s, err := boltstore.Open(boltstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := s.Read(t.Context(), store.Position{}, 0)
	if err := errors.Join(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	return batch.Bounds
}

// Attack: make an operator begin an empty store, so that revoked tokens are valid again.
// The new store must refuse tokens from before.
func TestRepairMakesNoEmptyStoreWithoutAFloor(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"zeros":   func(path string) error { return os.WriteFile(path, make([]byte, 1<<16), 0o600) },
		"no file": os.Remove,
	} {
		path := boltFile(t, 5)
		if err := damage(path); err != nil {
			t.Fatal(err)
		}
		var printed strings.Builder
		before := time.Now()
		if err := repair(&printed, path, false, true); err != nil {
			t.Errorf("of %s: %v\n%s", name, err, printed.String())
		}
		if floor := bounds(t, path).Floor; floor < before.Unix() {
			t.Errorf("of %s, the new store has the floor %d", name, floor)
		}
	}
	for name, command := range map[string]func(io.Writer, string) error{
		"repair":   func(w io.Writer, path string) error { return repair(w, path, false, true) },
		"restored": restored,
	} {
		path := filepath.Join(t.TempDir(), "none")
		if err := command(io.Discard, path); err == nil || !strings.Contains(err.Error(), "--file says where") {
			t.Errorf("%s of no file: %v", name, err)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s of no file made one", name)
		}
	}
}

// Attack: a copy of the file and of its marker is put back, so that tokens that were
// revoked since are valid again. The gate cannot see this, so the operator states it.
func TestRestoredRaisesTheFloor(t *testing.T) {
	path := boltFile(t, 5)
	if b := bounds(t, path); b != (store.Bounds{}) {
		t.Fatalf("the bounds are %+v", b)
	}
	var printed strings.Builder
	before := time.Now()
	if err := restored(&printed, path); err != nil || !strings.Contains(printed.String(), "log in again") {
		t.Errorf("it prints %q, error %v", printed.String(), err)
	}
	if floor := bounds(t, path).Floor; floor < before.Unix() {
		t.Errorf("the floor is %d", floor)
	}
	zero(t, path, 0, 4096)
	if err := restored(&printed, path); err == nil || !strings.Contains(err.Error(), "--dry-run") {
		t.Errorf("of a damaged file: %v", err)
	}
}
