// Package refresh holds black-box tests of the token endpoint behind the gate: refresh
// tokens are learned, checked and refused.
package refresh

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.MainParallel(m)) }
