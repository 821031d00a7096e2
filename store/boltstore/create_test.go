package boltstore

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

func TestCreatedForTheOwnerOnly(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "new", "deep", "revocations.db")
	openAt(t, path)
	for name, want := range map[string]fs.FileMode{
		filepath.Join(root, "new"):         0o700 | fs.ModeDir,
		filepath.Join(root, "new", "deep"): 0o700 | fs.ModeDir,
		path:                               0o600,
		markerPath(path):                   0o600,
	} {
		stat, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if stat.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, stat.Mode(), want)
		}
	}
	wantNoLeftovers(t, path)
}

func wantNoLeftovers(t *testing.T, path string) {
	t.Helper()
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.Contains(file.Name(), newSuffix) {
			t.Errorf("%s was left behind", file.Name())
		}
	}
}

// Fault: the process is killed, or the power fails, during the first creation. Each case
// is a possible state of the disk. The next start has to succeed, with an empty store.
func TestCreationGoesOnAfterACrash(t *testing.T) {
	model := freshPath(t)
	mustClose(t, openAt(t, model))
	database, marker := mustRead(t, model), mustRead(t, markerPath(model))
	for name, files := range map[string]map[string][]byte{
		"a temporary file, still empty":       {newSuffix + "1": nil},
		"a temporary file, half written":      {newSuffix + "1": database[:len(database)/2]},
		"a temporary file, complete":          {newSuffix + "1": database},
		"the database linked, not yet marked": {newSuffix + "1": database, "": database},
		"the temporary file removed":          {"": database},
		"a temporary marker, still empty":     {"": database, newSuffix + "2": nil},
		"a temporary marker, complete":        {"": database, newSuffix + "2": marker},
		"everything but the end of cleaning":  {"": database, ".init": marker, newSuffix + "3": database},
	} {
		t.Run(name, func(t *testing.T) {
			path := freshPath(t)
			for suffix, content := range files {
				mustWrite(t, path+suffix, content)
			}
			for range 2 { // a start after the crash, and the one after that
				s := openAt(t, path)
				mustAppend(t, s, numbered(1, later()))
				mustClose(t, s)
			}
			if entries := readAll(t, openAt(t, path)); len(entries) != 2 {
				t.Errorf("the store holds %d entries, want the 2 appended", len(entries))
			}
			wantNoLeftovers(t, path)
		})
	}
}

// Attack or accident: the database is deleted and every revocation forgotten, so that
// stolen tokens work again. The marker beside it reveals that.
func TestDeletedDatabaseIsDamage(t *testing.T) {
	path := freshPath(t)
	mustClose(t, openAt(t, path))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	wantDamaged(t, path, "it was created once and is gone")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a refused Open left a file at the path: %v", err)
	}
}

// Attack: replace the database by an empty store from another place.
func TestForeignDatabaseIsDamage(t *testing.T) {
	path, foreign := freshPath(t), freshPath(t)
	mustClose(t, openAt(t, path))
	mustClose(t, openAt(t, foreign))
	mustWrite(t, path, mustRead(t, foreign))
	wantDamaged(t, path, "another database")
}

// wantDamaged opens a damaged store, and checks that the error names the reason and the
// remedy.
func wantDamaged(t *testing.T, path, why string) {
	t.Helper()
	s, err := Open(Options{Path: path})
	if err == nil {
		mustClose(t, s)
	}
	if !errors.Is(err, store.ErrDamaged) {
		t.Fatalf("Open gave %v, want ErrDamaged", err)
	}
	for _, part := range []string{"opening store: ", path, why, "503", "repair", "backup", "--restored", "log in again"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("the error does not contain %q: %v", part, err)
		}
	}
}

// Two gates of a new installation start at once, on one path. One creates the store and
// holds it, the others get ErrLocked, and none replaces the file of another.
func TestCreatedByOneOfMany(t *testing.T) {
	path := freshPath(t)
	var mu sync.Mutex
	var opened []*Store
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			s, err := Open(Options{Path: path, LockTimeout: brief})
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				opened = append(opened, s)
			} else if !errors.Is(err, store.ErrLocked) {
				t.Errorf("Open: %v", err)
			}
		})
	}
	group.Wait()
	if len(opened) != 1 {
		t.Fatalf("%d of 8 opened the store, want 1", len(opened))
	}
	mustAppend(t, opened[0], numbered(1, later()))
	mustClose(t, opened[0])
	if entries := readAll(t, openAt(t, path)); len(entries) != 1 {
		t.Errorf("the store holds %d entries, want the 1 appended", len(entries))
	}
	wantNoLeftovers(t, path)
}

func mustRead(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func mustWrite(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
