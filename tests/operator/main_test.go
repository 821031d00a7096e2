// Package operator holds black-box tests of the commands and the admin API, as operators use them.
package operator

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.MainParallel(m)) }
