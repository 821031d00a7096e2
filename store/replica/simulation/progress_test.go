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
	w.server.Cure()
	if len(w.livingGates()) == 0 {
		w.join()
	}
}

// progress makes sure that the fleet works again: every gate admits who was never
// revoked within three leases and a second of the last fault, and takes a
// revocation within two leases and a second more.
func (w *world) progress() {
	admits := w.now() + 3*w.lease + time.Second
	live := w.issue("live", "nobody else", "issuer of its own")
	for w.manual && w.now() < admits && w.sleep(w.lease/8) {
		for _, g := range w.livingGates() {
			_ = g.replica.Bootstrap() // which fails where the log is not in repair
		}
	}
	if !w.sleepUntil(admits) {
		return
	}
	gates := w.livingGates()
	for _, g := range gates {
		if verdict := g.replica.Check(live.keys(), g.clock.Now()); verdict != replica.Clear {
			w.oracle.violate("%s finds a live session %v at %v, when all was well again: %+v",
				g.name, verdict, w.now(), g.replica.Status())
			return
		}
	}
	var group sync.WaitGroup
	for _, g := range gates {
		group.Go(func() {
			t := w.issue("last of "+g.name, "nobody else", "issuer of its own")
			r := store.Revocation{Kind: store.KindSession, Key: t.session, Expires: time.Now().Add(retention).Unix()}
			if !g.invalidate(r) {
				w.oracle.violate("%s does not revoke at %v, when all was well again", g.name, w.now())
			}
		})
	}
	group.Wait()
}
