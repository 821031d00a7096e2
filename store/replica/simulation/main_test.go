package simulation

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"
)

// TestMain runs one goroutine at a time. Goroutines that wake at one instant then run in a
// fixed order, and a seed gives the same run again. The runs are short and need little
// memory.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
