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
	for _, p := range every() {
		if p != crowd { // which is long, and has nothing that the others have not
			wantSameRuns(t, p, 1)
			wantSameRuns(t, p, 2)
		}
	}
}

func wantSameRuns(t *testing.T, p *profile, seed uint64) {
	t.Helper()
	before, apart := play(t, p, seed, true).trace.String(), ""
	for range runsAtMost - 1 {
		again := play(t, p, seed, true).trace.String()
		if apart = parting(before, again); apart == "" {
			return
		}
		before = again
	}
	t.Errorf("seed %d of %s gives another trace each time; the last two part at %s", seed, p.name, apart)
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
