// Package fleet holds black-box tests of gates that share one Redis: each gate learns what
// the others know, and nobody is logged out.
package fleet

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
