// Package logs holds black-box tests of what the gate writes where others may read it: logs, traces, errors, placeholders.
package logs

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.MainParallel(m)) }
