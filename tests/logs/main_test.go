// Package logs holds black-box tests of texts that others may read: logs, traces, errors,
// placeholders.
package logs

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.MainParallel(m)) }
