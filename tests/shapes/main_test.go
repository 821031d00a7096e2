// Package shapes holds black-box tests of what a logout ends for the tokens of real issuers, as
// tokentest.Shape has them: what their claims say is all that the gate knows of a session. The
// tests sign the tokens themselves; package providers has a real issuer.
package shapes

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.MainParallel(m)) }
