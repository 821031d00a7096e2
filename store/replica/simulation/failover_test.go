package simulation

import (
	"errors"
	"time"

	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// failovers promote another server while the old one keeps running.
var failovers = []fault{
	{"a failover while the old server keeps running", func(w *world, draw *stream, _ time.Duration) {
		defer w.serverFault()()
		old := w.server()
		dump := old.Dump()
		w.sleep(draw.between(1, 10*time.Millisecond)) // the lag of the replica
		w.lose()
		to := old.Promote(dump)
		w.mu.Lock()
		if w.primary != old {
			w.mu.Unlock()
			return // another failover came first
		}
		w.primary, w.replaced = to, old
		w.mu.Unlock()
		w.trace.add("", "another server is promoted; the old one keeps running for %v", w.reign)
		over := min(w.now()+w.reign, w.faulty)
		for _, g := range w.livingGates() {
			if moves := draw.between(1, 2*w.reign); moves < w.reign {
				w.wait.Go(func() {
					if w.sleep(moves) {
						g.moveTo(to)
					}
				})
			}
		}
		for w.now() < over && w.sleep(min(draw.between(1, w.reign/3), over-w.now())) {
			w.revokeAt(draw, 1)
		}
		old.Demote()
		w.mu.Lock()
		if w.replaced == old {
			w.replaced = nil
		}
		w.mu.Unlock()
		w.trace.add("", "the old server no longer accepts calls")
	}},
}

// moveTo makes the gate send its calls to a promoted server.
func (g *gate) moveTo(to *model.Server) {
	g.trace.add(g.name, "sends calls to the promoted server")
	g.client.Move(to)
}

// handleError reacts to the error of a call. If the server has been demoted, the gate
// finds the new primary after a while.
func (g *gate) handleError(err error) {
	if !errors.Is(err, model.ErrDemoted) {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lost {
		return
	}
	g.lost = true
	long := min(g.stream("search", g.number).between(1, 2*g.lease), g.faulty-g.now())
	g.calls.Go(func() {
		g.sleep(long)
		g.moveTo(g.server())
		g.mu.Lock()
		defer g.mu.Unlock()
		g.lost, g.calm = false, g.now()
	})
}
