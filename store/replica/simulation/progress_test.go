package simulation

import (
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// heal ends all faults. It removes unreadable entries from the revocation log, since a
// restored dump may contain one, and starts a gate if none is left.
func (w *world) heal() {
	w.sleep(time.Nanosecond) // lets faults that end at this instant finish
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

// mayRefuse reports whether a gate may refuse a session that was never revoked. It may
// after a loss that no gate could repair: the client must log in again.
func (w *world) mayRefuse(verdict replica.Verdict) bool {
	w.oracle.mu.Lock()
	defer w.oracle.mu.Unlock()
	return verdict == replica.ByFloor && w.oracle.lossy
}

// recovery is the time that the fleet may take to work again. A large fleet may take a
// little longer.
func (w *world) recovery() time.Duration {
	if w.many > 0 {
		return 4 * w.lease
	}
	return 3*w.longest + time.Second + 2*w.reign*103/100
}

// progress checks that the fleet works again after the last fault. Within three leases and
// a second, every gate admits a session that was never revoked. Within two leases and a
// second more, it accepts a revocation.
func (w *world) progress() {
	admits := w.now() + w.recovery()
	live := w.issue("live", "nobody else", "issuer of its own", 15*time.Minute)
	for w.now() < admits && w.sleep(w.lease/8) {
		for _, g := range w.livingGates() {
			if g.configured().manual {
				_ = g.replica.Bootstrap() // fails unless the revocation log is in repair
			}
		}
	}
	if !w.sleepUntil(admits) {
		return
	}
	gates := w.livingGates()
	for _, g := range gates {
		if verdict := g.replica.Check(live.keys(g.configured().leeway), g.clock.Now()); verdict != replica.Clear && !w.mayRefuse(verdict) {
			status := g.replica.Status()
			status.Gate, status.Generation, status.Position.Generation = 0, 0, 0 // these are random
			w.oracle.violate("%s answers %v for a live session at %v, after the faults ended: %+v", g.name, verdict, w.now(), status)
			return
		}
	}
	var group sync.WaitGroup
	for _, g := range gates[:min(len(gates), 8)] {
		group.Go(func() {
			t := w.issue("last of "+g.name, "nobody else", "issuer of its own", time.Minute)
			r := store.Revocation{Kind: store.KindSession, Key: t.session}
			if !g.invalidate(r) {
				w.oracle.violate("%s does not revoke at %v, after the faults ended", g.name, w.now())
			}
		})
	}
	group.Wait()
}
