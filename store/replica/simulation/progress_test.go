package simulation

import (
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// heal makes an end of the faults: none is left on the log, where a dump may have
// brought it back, and at least one gate is there.
func (w *world) heal() {
	w.sleep(time.Nanosecond) // until those are over that end at this instant
	w.trace.add("", "the last fault is over")
	w.server().Cure()
	w.setServerOff(0)
	for _, g := range w.livingGates() {
		g.setOff(0)
	}
	if len(w.livingGates()) == 0 {
		w.join()
	}
}

// maySay reports whether a gate may refuse who was never revoked for a loss that no
// gate could mend: he logs in again.
func (w *world) maySay(verdict replica.Verdict) bool {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	return verdict == replica.ByFloor && w.oracle.lossy
}

// recovery is how long the fleet may take to work again. Many gates may take a little
// longer.
func (w *world) recovery() time.Duration {
	if w.many > 0 {
		return 4 * w.lease
	}
	return 3*w.longest + time.Second + 2*w.reign*103/100
}

// progress makes sure that the fleet works again: every gate admits who was never
// revoked within three leases and a second of the last fault, and takes a
// revocation within two leases and a second more.
func (w *world) progress() {
	admits := w.now() + w.recovery()
	live := w.issue("live", "nobody else", "issuer of its own", 15*time.Minute)
	for w.now() < admits && w.sleep(w.lease/8) {
		for _, g := range w.livingGates() {
			if g.configured().manual {
				_ = g.replica.Bootstrap() // which fails where the log is not in repair
			}
		}
	}
	if !w.sleepUntil(admits) {
		return
	}
	gates := w.livingGates()
	for _, g := range gates {
		if verdict := g.replica.Check(live.keys(g.configured().leeway), g.clock.Now()); verdict != replica.Clear && !w.maySay(verdict) {
			status := g.replica.Status()
			status.Gate, status.Generation, status.Position.Generation = 0, 0, 0 // which are random
			w.oracle.violate("%s finds a live session %v at %v, when all was well again: %+v", g.name, verdict, w.now(), status)
			return
		}
	}
	var group sync.WaitGroup
	for _, g := range gates[:min(len(gates), 8)] {
		group.Go(func() {
			t := w.issue("last of "+g.name, "nobody else", "issuer of its own", time.Minute)
			r := store.Revocation{Kind: store.KindSession, Key: t.session}
			if !g.invalidate(r) {
				w.oracle.violate("%s does not revoke at %v, when all was well again", g.name, w.now())
			}
		})
	}
	group.Wait()
}
