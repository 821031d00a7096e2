// Package ordinary holds black-box tests of legitimate, unusual requests. They have to
// arrive as they do without the gate.
package ordinary

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.MainParallel(m)) }
