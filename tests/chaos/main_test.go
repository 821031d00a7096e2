package chaos

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

var (
	seed   = flag.Uint64("seed", 0, "the seed of the first round of TestChaos; 0 draws one")
	length = flag.Duration("length", 8*time.Second, "for how long TestChaos lets faults happen")
)

func TestMain(m *testing.M) {
	// Fleets mostly wait. The flag -parallel comes later and wins.
	if err := flag.Set("test.parallel", "3"); err != nil {
		panic(err)
	}
	os.Exit(harness.Main(m))
}
