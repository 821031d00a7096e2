package simulation

import (
	"os"
	"runtime"
	"runtime/debug"
	"testing"
)

// TestMain has one goroutine run at a time: those that are woken at one instant
// then run in one order, and a seed gives the same run again. Runs are short, and memory is not what they lack.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}
