// Package documents holds black-box tests of what the README and the pages of docs show: their
// blocks are run or adapted.
package documents

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
