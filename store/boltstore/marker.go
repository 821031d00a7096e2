package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sessiongate/sessiongate/store"
)

// markerFormat is the text of a marker. People read it when they wonder what
// the file is.
const markerFormat = "Sessiongate created a store beside this file. Keep the two together.\ngeneration %016x\n"

// markerPath is where the marker of a database lies.
func markerPath(path string) string { return path + ".init" }

// readMarker returns the generation of the store that once was created at path,
// and whether one was.
func readMarker(path string) (generation store.Generation, found bool, err error) {
	text, err := os.ReadFile(markerPath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	if _, err := fmt.Sscanf(string(text), markerFormat, &generation); err != nil || generation == 0 ||
		string(text) != fmt.Sprintf(markerFormat, generation) {
		return 0, false, fmt.Errorf("reading %q: it is not what was written: %w; "+
			"if the database beside it is the right one, caddy session-gate repair --file %q writes it anew",
			markerPath(path), store.ErrDamaged, path)
	}
	return generation, true, nil
}

// writeMarker records, durably, that a store of this generation was created at
// path. The marker appears whole or not at all, and is the database's owner's.
func writeMarker(path string, generation store.Generation) error {
	name := markerPath(path)
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, filepath.Base(name)+newSuffix+"*")
	if err != nil {
		return fmt.Errorf("writing marker: %w", err)
	}
	_, err = fmt.Fprintf(f, markerFormat, generation)
	if err = errors.Join(err, keepOwner(f, path), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("writing marker: %w", err)
	}
	if err := syncDir(dir); err != nil {
		return fmt.Errorf("writing marker: %w", err)
	}
	return nil
}
