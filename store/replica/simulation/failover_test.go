package simulation

import (
	"errors"
	"time"

	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// failovers are those during which the old server goes on.
var failovers = []fault{
	{"a failover while the old server goes on", func(w *world, draw *stream, _ time.Duration) {
		defer w.serverFault()()
		old := w.server()
		dump := old.Dump()
		w.sleep(draw.between(1, 10*time.Millisecond)) // by which the replica lags
		w.lose()
		to := old.Promote(dump)
		w.mu.Lock()
		if w.primary != old {
			w.mu.Unlock()
			return // another failover came first
		}
		w.primary, w.replaced = to, old
		w.mu.Unlock()
		w.trace.add("", "another server is promoted; the old one goes on for %v", w.reign)
		over := min(w.now()+w.reign, w.faulty)
		for _, g := range w.livingGates() {
			if hears := draw.between(1, 2*w.reign); hears < w.reign {
				w.wait.Go(func() {
					if w.sleep(hears) {
						g.hear(to)
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
		w.trace.add("", "the old server takes no calls any more")
	}},
}

// hear has the gate ask a server that was promoted from now on.
func (g *gate) hear(to *model.Server) {
	g.trace.add(g.name, "hears of another server")
	g.client.Move(to)
}

// hearFrom takes up the error of a call: whom it was sent to may be the server no more.
// It takes the gate a while to find out who is.
func (g *gate) hearFrom(err error) {
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
		g.hear(g.server())
		g.mu.Lock()
		defer g.mu.Unlock()
		g.lost, g.calm = false, g.now()
	})
}
