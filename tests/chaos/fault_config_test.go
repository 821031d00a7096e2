package chaos

import (
	"strings"
	"testing"
)

func TestMixedConfigurationsHaveEverySetting(t *testing.T) {
	const draws = 10_000
	seen := make(map[string]bool)
	for i := range draws {
		for line := range strings.Lines(mixed(float64(i)/draws, guardedLease)) {
			seen[strings.TrimSpace(line)] = true
		}
	}
	for _, line := range []string{
		"lease 2s", "lease 1.6s", "lease 1.2s", "retention 61h0m0s", "retention 65h0m0s", "retention 85h0m0s",
		"leeway 30s", "leeway 31s", "leeway 1m0s", "acknowledge fleet", "acknowledge lease", "acknowledge store",
	} {
		if !seen[line] {
			t.Errorf("no configuration has %q: %v", line, seen)
		}
	}
}
