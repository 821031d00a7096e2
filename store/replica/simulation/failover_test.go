package simulation

import (
	"errors"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
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
		w.primary = to
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

// rollback is one that no gate has noticed yet: the log is of the generation that it
// was, and lacks what some of the gates hold.
type rollback struct {
	generation store.Generation
	gates      []*gate // that hold it
}

// returns take the state of the server back, and put other entries in the place of
// those that it lost.
var returns = []fault{
	{"a rollback", func(w *world, draw *stream, length time.Duration) {
		dump, then := w.server().Dump(), w.server().Peek()
		w.revokeAt(draw, 1+draw.below(3))
		w.sleep(draw.between(time.Millisecond, max(2*time.Millisecond, min(length, w.lease))))
		if !w.awaitNoticed() { // one at a time
			return
		}
		end := w.serverFault()
		w.lose()
		now := w.server().Peek()
		w.mu.Lock()
		gates := slices.DeleteFunc(slices.Clone(w.gates), func(g *gate) bool { return !g.further(then, now) })
		w.rolled = &rollback{then.Generation, gates}
		w.mu.Unlock()
		w.server().RollBack(dump)
		w.trace.add("", "the state of the server is taken back to %s", w.trace.position(w.server().Peek().Position))
		end()
		w.revokeAt(draw, draw.below(5))
		w.awaitNoticed()
	}},
}

// further reports whether the gate has applied more of the log as it is now than a head
// said that there was.
func (g *gate) further(then, now store.Head) bool {
	if !g.lives() {
		return false
	}
	at := g.replica.Status().Position
	return at.Generation == now.Generation && (now.Generation != then.Generation || at.Seq > then.Seq)
}

// revokeAt has so many new sessions revoked, each at some gate.
func (w *world) revokeAt(draw *stream, many int) {
	for range many {
		if g := w.anyGate(draw); g != nil && g.runs() {
			r := w.newToken().revocation(draw, time.Now())
			later := draw.between(1, w.lease/50)
			w.wait.Go(func() {
				if w.sleep(later) {
					g.invalidate(r)
				}
			})
		}
	}
}

// awaitNoticed waits until a rollback was noticed, and reports false if the run is over.
// A gate that starts before that can know nothing of what was lost, and nobody who does
// has said so: no protocol helps it.
func (w *world) awaitNoticed() bool {
	for w.ctx.Err() == nil {
		if !w.unnoticed() {
			return true
		}
		w.sleep(w.of("rollbacks").between(1, w.lease/8))
	}
	return false
}

// unnoticed reports whether there was a rollback that nobody has noticed. Where nobody is
// left who could, what was lost is lost for good.
func (w *world) unnoticed() bool {
	w.mu.Lock()
	r := w.rolled
	if r != nil && w.primary.Peek().Generation != r.generation {
		w.rolled, r = nil, nil
	}
	w.mu.Unlock()
	if r == nil {
		return false
	}
	if slices.ContainsFunc(r.gates, (*gate).lives) {
		return true
	}
	w.oracle.forget(func(*promise) bool { return false })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rolled = nil
	return false
}
