//go:build !unix || solaris || aix

package boltstore

import (
	"os"
	"time"
)

// lock leaves locking to bbolt, which locks the file once it has been verified. If
// another process is writing to a file, the error may thus say that it is damaged
// instead of in use. Either way it is not opened.
func lock(*os.File, time.Duration) error { return nil }

// keepOwner does nothing: on these systems a file inherits the rights of its folder.
func keepOwner(*os.File, string) error { return nil }

// syncDir does nothing: these systems have no call for it, and keep names durable by
// themselves.
func syncDir(string) error { return nil }
