// Package faults holds black-box tests of what breaks around the gate: its files, its store, its issuers, its upstream, itself.
package faults

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.MainParallel(m)) }
