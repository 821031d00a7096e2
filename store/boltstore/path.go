package boltstore

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// RealPath returns the one absolute name of a path, with every symbolic link in the
// existing part resolved. So two spellings of a file give the same name. It neither
// creates nor opens the file. A link to nothing is an error: its target may be on a
// volume that is not mounted, and a store at another place would be empty.
func RealPath(path string) (string, error) {
	if path == "" {
		return "", errors.New("resolving path: the path is empty")
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("resolving path %q: %w", path, err)
	}
	rest := ""
	for existing := absolute; ; {
		resolved, err := filepath.EvalSymlinks(existing)
		if err == nil {
			return filepath.Join(resolved, rest), nil
		}
		parent := filepath.Dir(existing)
		if !errors.Is(err, fs.ErrNotExist) || parent == existing {
			return "", fmt.Errorf("resolving path %q: %w", path, err)
		}
		switch stat, err := os.Lstat(existing); {
		case err != nil:
			existing, rest = parent, filepath.Join(filepath.Base(existing), rest)
		case stat.Mode()&fs.ModeSymlink != 0:
			return "", fmt.Errorf("resolving path %q: the link %q leads to nothing", path, existing)
		default: // another process has just created it
		}
	}
}

// makeDir creates a directory and its missing parents, for the owner only, and
// makes them durable: a file is only as safe as the names that lead to it.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeDir(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(parent)
}
