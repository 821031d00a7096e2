package simulation

import (
	"context"
	"time"

	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// rollback sets the server back within one process: all that was promised meanwhile is
// gone from the log. Others may take the numbers of what was lost, and a gate may start
// that never held it. Sometimes nobody revokes anything for a while, so that heartbeats
// alone can tell.
func rollback(w *world, draw *stream, length time.Duration) {
	dump := w.server.Dump()
	w.revokeBeside(nil, draw)
	w.sleep(min(length/2, draw.between(time.Millisecond, w.lease)))
	w.rollBack(dump, draw)
	w.serverFault()()
	if draw.chance(0.4) {
		w.quiet.Store(int64(w.now() + 4*w.lease))
	}
	if draw.chance(0.5) {
		w.join()
	}
}

// rollBack sets the server back, and has others take some of the numbers of what was
// lost, or all, or more.
func (w *world) rollBack(dump *model.Dump, draw *stream) {
	before := w.server.Peek().Seq
	w.server.RollBack(dump)
	w.oracle.rolledBack()
	lost := int(before - w.server.Peek().Seq)
	c := w.server.Connect(nil)
	for range pick(draw, []int{0, lost, lost, lost + 1, draw.below(4)}) {
		r := w.newToken().revocation(draw, time.Now())
		if _, err := c.Append(context.Background(), r); err != nil {
			panic(err) // a server without a network takes what is valid
		}
	}
	_ = c.Close() // which fails only the second time
}

// rolledBack is called when the log has gone back within one process. A gate that does
// not hold what is missing may get a lease, until one that does says so.
func (o *oracle) rolledBack() {
	log := o.world.server.Log()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range o.promises {
		if !onLog(log, p.revocation) {
			p.doubted = o.world.now()
		}
	}
}

// doubts reports whether nobody may have told yet that the log went back to before a
// promise. A gate that holds it, and was well since, tells with its next heartbeat. A
// lease later nobody admits who got one before.
func (o *oracle) doubts(p *promise) bool {
	if p.doubted > 0 && o.world.now()-p.doubted > 3*o.world.lease/2 && o.heldInHealth(p, p.doubted+1) {
		p.doubted = 0
	}
	return p.doubted > 0
}
