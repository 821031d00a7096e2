// Package stepped is a wall clock that a test sets, for gates that run as processes of
// their own. The shipped code does not know it: with Overlay, the go command builds the
// gate with this clock instead of the clock of package time.
package stepped

import (
	"encoding/binary"
	"os"
	"sync"
	"time"
	"unsafe"
)

// Variable is the environment variable that names the file with the offset: how many
// seconds the clock is ahead, in eight bytes. Without it the clock is right.
const Variable = "SESSION_GATE_TEST_CLOCK"

// wallSeconds is the position of the wall clock's seconds in a time.Time with a monotonic
// reading: above the 30 bits of the nanoseconds.
const wallSeconds = 30

var file = sync.OnceValue(func() *os.File {
	path := os.Getenv(Variable)
	if path == "" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		panic("opening the clock: " + err.Error())
	}
	return f
})

// offset returns how many seconds the clock is ahead now.
func offset() int64 {
	f := file()
	if f == nil {
		return 0
	}
	var text [8]byte
	if _, err := f.ReadAt(text[:], 0); err != nil {
		panic("reading the clock: " + err.Error())
	}
	return int64(binary.NativeEndian.Uint64(text[:]))
}

// Now is time.Now of a machine whose wall clock was set. The monotonic reading does not
// change. So time.Time.Add, which moves both, cannot be used.
func Now() time.Time {
	now := time.Now()
	*(*uint64)(unsafe.Pointer(&now)) += uint64(offset()) << wallSeconds
	return now
}

// Since is time.Since by that clock.
func Since(t time.Time) time.Duration { return Now().Sub(t) }

// Until is time.Until by that clock.
func Until(t time.Time) time.Duration { return t.Sub(Now()) }

// Set sets the offset of all clocks that read the file, in whole seconds.
func Set(path string, off time.Duration) error {
	text := binary.NativeEndian.AppendUint64(nil, uint64(off/time.Second))
	// One write of eight bytes. A reader sees all of them or none.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(text, 0); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
