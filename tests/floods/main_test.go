// Package floods holds black-box tests of clients that send too much, too slowly, or too often.
package floods

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
