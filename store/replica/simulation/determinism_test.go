//go:build !race

package simulation

import (
	"fmt"
	"strings"
	"testing"
)

// The race detector has its own order of goroutines, so this test needs a build without
// it.

// runsAtMost limits how often a seed is run until two successive runs are equal. The
// scheduler preempts a goroutine after ten milliseconds. On a loaded machine that can be
// any goroutine.
const runsAtMost = 4

// Runs that differ for one seed prove nothing and cannot be replayed.
func TestASeedGivesTheSameRunTwice(t *testing.T) {
	for _, p := range every() {
		if p != crowd { // crowd is long and adds nothing here
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

// parting describes the first line at which two traces differ. It is empty if they are
// equal.
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
