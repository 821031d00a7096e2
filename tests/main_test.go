// Package tests holds the black-box tests: the built gate, real stores, real
// clients.
package tests

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.Main(m)) }
