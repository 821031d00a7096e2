package simulation

import (
	"flag"
	"testing"
	"testing/synctest"
)

var (
	oneSeed = flag.Uint64("seed", 0, "run this seed alone; with -v its trace is printed")
	first   = flag.Uint64("first", 1, "first seed to run")
	seeds   = flag.Uint64("seeds", 100, "number of seeds to run")
)

// play runs a seed and reports what went wrong.
func play(t *testing.T, p *profile, seed uint64, traced bool) (w *world) {
	synctest.Test(t, func(*testing.T) { w = run(p, seed, traced) })
	return w
}

// The two promises of the product hold under all faults at once. After the 200 of a
// revocation, no gate admits what it names. When the faults stop, the fleet works again.
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
	for seed := *first; seed < *first+*seeds && !t.Failed(); seed++ {
		p := profileOf(t, seed)
		w := play(t, p, seed, false)
		total.add(w)
		if len(w.oracle.violations) > 0 { // later violations may follow from the first
			t.Errorf("violation with seed %d: %s\nreplay it: %s", seed, w.oracle.violations[0], p.replay(seed))
		}
	}
	t.Log(&total)
	total.wantWork(t)
}

// Attack: a failover while the old primary may keep running for longer than a lease. No
// wait is long enough then, so such a configuration is refused. The refusal is justified
// only if some seed finds a violation.
func TestWhatIsRefusedBreaksThePromise(t *testing.T) {
	for _, p := range refused {
		found := uint64(0)
		for seed := uint64(1); seed <= 50 && found == 0; seed++ {
			if w := play(t, p, seed, false); len(w.oracle.violations) > 0 {
				found = seed
			}
		}
		if found == 0 {
			t.Errorf("no seed of %s finds a violation: the refusal is not justified", p.name)
		}
	}
}
