package simulation

import (
	"fmt"
	"testing"
)

// totals sums up all runs.
type totals struct {
	runs, gates, epochs int
	admitted, refused   int // requests
	promises, failures  int // revocations
	lost, spurious      int
}

func (t *totals) add(w *world) {
	t.runs++
	t.admitted += w.oracle.admitted
	t.refused += w.oracle.refused
	t.promises += len(w.oracle.promises)
	t.failures += w.oracle.failed
	t.lost += w.oracle.lost
	t.spurious += w.oracle.spurious
	t.epochs += len(w.epochs)
	t.gates += len(w.gates)
}

// String summarizes the totals in one line.
func (t *totals) String() string {
	return fmt.Sprintf("%d seeds, %d gates, %d generations; %d requests admitted and %d refused, %d without a reason; %d revocations promised and %d not, %d lost with every gate that held them",
		t.runs, t.gates, t.epochs, t.admitted, t.refused, t.spurious, t.promises, t.failures, t.lost)
}

// wantWork checks that the runs did enough. A fleet that refuses everything, or promises
// nothing, breaks no promise.
func (t *totals) wantWork(tb testing.TB) {
	tb.Helper()
	if t.runs < 20 {
		return // too few to tell
	}
	if t.admitted < 10*t.runs || t.promises < 10*t.runs || t.epochs < t.runs || t.lost*10 > t.promises {
		tb.Errorf("the runs did too little to prove anything: %v", t)
	}
}
