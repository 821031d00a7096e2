//go:build !unix || solaris || aix

package boltstore

import (
	"os"
	"time"
)

// lock leaves locking to bbolt, which does it once the file has been verified.
// A file that another process is writing to may thus be reported as damaged
// where it is only in use; either way it is not opened.
func lock(*os.File, time.Duration) error { return nil }

// keepOwner does nothing: here a file is its folder's, by inherited rights.
func keepOwner(*os.File, string) error { return nil }

// syncDir does nothing: these systems have no way to ask for it, and keep names
// durable by themselves.
func syncDir(string) error { return nil }
