// Package observed holds black-box tests of what operators see from outside: the alerts and
// the board of deploy, in a real Prometheus that scrapes real gates.
package observed

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.MainParallel(m)) }
