package simulation

import (
	"flag"
	"testing"
	"testing/synctest"
)

var (
	oneSeed = flag.Uint64("seed", 0, "run this seed alone; with -v its trace is printed")
	seeds   = flag.Uint64("seeds", 100, "run the seeds from 1 to this")
)

// play runs a seed and reports what went wrong.
func play(t *testing.T, p *profile, seed uint64, traced bool) (w *world) {
	synctest.Test(t, func(*testing.T) { w = run(p, seed, traced) })
	return w
}

// The two sentences of the product, under all faults at once: after the 200 of a
// revocation no gate admits what it names, and when the faults stop the fleet
// works again.
func TestSimulation(t *testing.T) {
	if *oneSeed != 0 {
		w := play(t, profileOf(t, *oneSeed), *oneSeed, testing.Verbose())
		t.Logf("trace of seed %d:\n%v", *oneSeed, w.trace)
		for _, violation := range w.oracle.violations {
			t.Errorf("violation with seed %d: %s", *oneSeed, violation)
		}
		return
	}
	var total totals
	for seed := uint64(1); seed <= *seeds && !t.Failed(); seed++ {
		p := profileOf(t, seed)
		w := play(t, p, seed, false)
		total.add(w)
		if len(w.oracle.violations) > 0 { // what follows the first may follow from it
			t.Errorf("violation with seed %d: %s\nreplay it: %s", seed, w.oracle.violations[0], p.replay(seed))
		}
	}
	t.Log(&total)
	total.wantWork(t)
}
