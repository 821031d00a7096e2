package boltstore

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// revoked returns every revocation of the entries.
func revoked(entries []store.Entry) map[store.Revocation]bool {
	all := make(map[store.Revocation]bool)
	for _, entry := range entries {
		for _, r := range entry.Revocations {
			all[r] = true
		}
	}
	return all
}

// mustReplace replaces a damaged store. It returns the sound one and the path of the kept
// damaged file.
func mustReplace(t *testing.T, s *Salvaged) (*Store, string) {
	t.Helper()
	damaged, err := s.Replace()
	if err != nil {
		t.Fatalf("Replace: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return openAt(t, s.Path), damaged
}

// Fault: a page of the log is bad, and the store is repaired. The kept revocations are
// refused again, the store works, and the damaged file is still there.
func TestARepairedStoreHoldsWhatWasKept(t *testing.T) {
	m := newModel(t)
	repaired := 0
	for i := range len(m.database) / m.pageSize {
		database := bytes.Clone(m.database)
		clear(database[i*m.pageSize : (i+1)*m.pageSize])
		path := m.place(t, database)
		s := m.salvaged(t, path)
		if s == nil || s.Entries == 0 {
			continue
		}
		repaired++
		opened, damaged := mustReplace(t, s)
		got, want := revoked(readAll(t, opened)), revoked(m.entries)
		if floor := headOf(t, opened).bounds.Floor; (floor == 0) != s.Whole {
			t.Errorf("page %d: whole: %t, and the floor is %d", i, s.Whole, floor)
		}
		if len(got) != s.Revocations || s.Whole && len(got) != len(want) {
			t.Errorf("page %d: %d revocations are there, %d were kept of %d", i, len(got), s.Revocations, len(want))
		}
		for r := range got {
			if !want[r] {
				t.Errorf("page %d: %+v is there and was not on the log", i, r)
			}
		}
		mustAppend(t, opened, numbered(9999, later()))
		if !bytes.Equal(mustRead(t, damaged), database) || !bytes.Equal(mustRead(t, markerPath(damaged)), m.marker) {
			t.Errorf("page %d: the damaged file is not kept as it was", i)
		}
		mustClose(t, opened)
		mustClose(t, openAt(t, path))
	}
	if repaired < 5 {
		t.Errorf("%d damaged files were repaired, want several", repaired)
	}
}

// Fault: the file belongs to another store. Then the contents of the lost one are
// unknown.
func TestRepairOfAnotherStoresFile(t *testing.T) {
	m := newModel(t)
	path := m.place(t, m.database)
	mustWrite(t, markerPath(path), newModel(t).marker)
	s := m.salvaged(t, path)
	if s == nil || s.Whole || s.Entries != len(m.entries) {
		t.Fatalf("salvaged as %+v", s)
	}
	opened, _ := mustReplace(t, s)
	if got := revoked(readAll(t, opened)); len(got) != len(revoked(m.entries)) {
		t.Errorf("%d revocations are left", len(got))
	}
	if floor := headOf(t, opened).bounds.Floor; floor == 0 {
		t.Error("the new store has no floor")
	}
}

// Fault: the process is killed between the two steps of the replacement. A gate that is
// started then must not find a store that looks sound.
func TestHalfAReplacementIsDamage(t *testing.T) {
	m := newModel(t)
	database := bytes.Clone(m.database)
	clear(database[:m.pageSize])
	path := m.place(t, database)
	s := m.salvaged(t, path)
	if _, err := s.Replace(); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, markerPath(path), m.marker) // as if the new one had not been written
	if _, err := Open(Options{Path: path}); err == nil {
		t.Error("Open accepted a file beside the marker of another store")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, _ := mustReplace(t, m.reopened(t, path))
	if got := revoked(readAll(t, again)); len(got) != len(revoked(m.entries)) {
		t.Errorf("after the second repair %d revocations are left", len(got))
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.Contains(file.Name(), newSuffix) {
			t.Errorf("%q is left over", file.Name())
		}
	}
}

// reopened salvages a file other than the model's own.
func (m model) reopened(t *testing.T, path string) *Salvaged {
	t.Helper()
	s, err := Salvage(Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}
