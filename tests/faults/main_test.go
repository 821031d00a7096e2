// Package faults holds black-box tests of faults around the gate: of its files, its store,
// its issuers, its upstream, and itself.
package faults

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.MainParallel(m)) }
