package simulation

import (
	"os"
	"runtime"
	"testing"
)

// TestMain has one goroutine run at a time: those that are woken at one instant
// then run in one order, and a seed gives the same run again.
func TestMain(m *testing.M) {
	runtime.GOMAXPROCS(1)
	os.Exit(m.Run())
}
