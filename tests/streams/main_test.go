// Package streams holds black-box tests of requests that are running when their session is revoked.
package streams

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
