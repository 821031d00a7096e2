package boltstore

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAFileHasOneRealPath(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	real := filepath.Join(root, "real")
	if err := os.Mkdir(real, 0o700); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(real, "a.db")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"dir": real, "file": file, "relative": "real"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(root)
	for path, want := range map[string]string{
		file:                         file,
		"real/a.db":                  file,
		"./real/../real//a.db":       file,
		root + "/dir/a.db":           file,
		root + "/relative/a.db":      file,
		root + "/file":               file,
		root + "/dir/new.db":         real + "/new.db",
		root + "/dir/new/deep/er.db": real + "/new/deep/er.db",
		"nothing/here.db":            root + "/nothing/here.db",
	} {
		got, err := RealPath(path)
		if err != nil || got != want {
			t.Errorf("RealPath(%q) = %q, %v; want %q", path, got, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "nothing")); err == nil {
		t.Error("RealPath created a directory")
	}
}

// Fault: the volume behind a link is not mounted after a restart. A store
// begun at the link's target would be empty, and every revocation forgotten.
func TestRealPathRefusesLinksToNothing(t *testing.T) {
	root := t.TempDir()
	for link, target := range map[string]string{"dir": "unmounted", "a.db": "unmounted/a.db", "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{root + "/dir/a.db", root + "/a.db", root + "/loop", ""} {
		if got, err := RealPath(path); err == nil {
			t.Errorf("RealPath(%q) = %q, want an error", path, got)
		}
	}
	_, err := Open(Options{Path: root + "/a.db"})
	if err == nil || !strings.Contains(err.Error(), "leads to nothing") {
		t.Errorf("Open through a link to nothing gave %v", err)
	}
}

func TestTwoSpellingsOpenOneStore(t *testing.T) {
	root := t.TempDir()
	if err := os.Symlink(root, filepath.Join(root, "link")); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, filepath.Join(root, "a.db"))
	position := mustAppend(t, s, numbered(1, later()))
	mustClose(t, s)
	entries := readAll(t, openAt(t, filepath.Join(root, "link", "link", "a.db")))
	if len(entries) != 1 || entries[0].Position != position {
		t.Errorf("by its other name the store holds %v, want the entry at %v", entries, position)
	}
}
