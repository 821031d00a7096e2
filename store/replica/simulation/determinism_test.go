//go:build !race

package simulation

import (
	"fmt"
	"strings"
	"testing"
)

// The race detector runs goroutines in an order of its own, so that this test is
// for builds without it.

// runsAtMost is how often a seed is run until two runs after one another are the
// same. The scheduler takes the processor from a goroutine that has had it for ten
// milliseconds, which on a loaded machine can be any.
const runsAtMost = 4

// A run that differs from time to time proves nothing and cannot be replayed.
func TestASeedGivesTheSameRunTwice(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		before, apart := play(t, seed, true).trace.String(), ""
		for range runsAtMost - 1 {
			again := play(t, seed, true).trace.String()
			if apart = parting(before, again); apart == "" {
				break
			}
			before = again
		}
		if apart != "" {
			t.Errorf("seed %d gives another trace each time; the last two part at %s", seed, apart)
		}
	}
}

// parting is the line at which two traces part, in both, or nothing.
func parting(a, b string) string {
	if a == b {
		return ""
	}
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return fmt.Sprintf("line %d:\n%s\n%s", i, as[i], bs[i])
		}
	}
	return fmt.Sprintf("the end: %d and %d lines", len(as), len(bs))
}
