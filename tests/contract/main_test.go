// Package contract holds black-box tests of what the gate answers to those that use it as
// meant, and to those that may not: guarded requests, the endpoints that end sessions, logouts
// of the issuer.
package contract

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.MainParallel(m)) }
