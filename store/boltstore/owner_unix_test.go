//go:build unix && !solaris && !aix

package boltstore

import (
	"os"
	"syscall"
	"testing"
)

// Fault: root repairs the file of a gate that runs as another user, and the gate cannot
// open the new file. A user other than root can repair only its own file.
func TestARepairedStoreKeepsItsOwner(t *testing.T) {
	const nobody = 65534
	owner := nobody
	if os.Geteuid() != 0 {
		owner = os.Geteuid()
	}
	m := newModel(t)
	for name, damage := range map[string]func(path string) error{
		"the database is damaged": func(path string) error {
			// The data in the second half is lost.
			return os.Truncate(path, int64(len(m.database)/2))
		},
		"the database is gone": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			path := m.place(t, m.database)
			for _, file := range []string{path, markerPath(path)} {
				if err := os.Chown(file, owner, -1); err != nil {
					t.Fatal(err)
				}
			}
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
			s := m.salvaged(t, path)
			if s == nil {
				t.Fatal("it is not damaged")
			}
			opened, damaged := mustReplace(t, s)
			mustClose(t, opened)
			files := []string{path, markerPath(path)}
			if damaged != "" {
				files = append(files, damaged)
			}
			for _, file := range files {
				info, err := os.Stat(file)
				if err != nil {
					t.Fatal(err)
				}
				if got := info.Sys().(*syscall.Stat_t).Uid; int(got) != owner || info.Mode().Perm() != 0o600 {
					t.Errorf("%s is owned by %d, mode %v; want %d, 0600", file, got, info.Mode(), owner)
				}
			}
		})
	}
}
