// Package metrics holds black-box tests of the metrics for Prometheus.
package metrics

import (
	"os"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

func TestMain(m *testing.M) { os.Exit(harness.MainParallel(m)) }
