// Package hostile holds black-box tests of requests that have two readings, over every
// protocol: paths, targets, headers, cookies, framing, tunnels.
package hostile

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.MainParallel(m)) }
