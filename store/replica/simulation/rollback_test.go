package simulation

import (
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

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
		w.rollBack(func() {
			w.revokeAt(draw, 1+draw.below(3))
			w.sleep(draw.between(time.Millisecond, max(2*time.Millisecond, min(length, w.lease))))
		}, func() { w.revokeAt(draw, draw.below(5)) })
	}},
}

// rollBack takes the state of the server back to what it was before something, and does
// something after. There is one rollback at a time, until it was noticed.
func (w *world) rollBack(before, after func()) {
	w.mu.Lock()
	busy := w.rolling
	w.rolling = true
	w.mu.Unlock()
	if busy {
		return
	}
	dump, then := w.server().Dump(), w.server().Peek()
	before()
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
	after()
	w.awaitNoticed()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rolling = false
}

// further reports whether the gate has applied more of the log as it is now than a head
// said that there was. The caller holds mu of the world.
func (g *gate) further(then, now store.Head) bool {
	if !g.lives() {
		return false
	}
	at := g.replica.Status().Position
	if now.Generation == then.Generation {
		return at.Generation == now.Generation && at.Seq > then.Seq
	}
	// It may have gone back otherwise meanwhile, with another process.
	known, begun := g.epochs[now.Generation], g.epochs[then.Generation]
	return at.Generation == now.Generation && known != nil && begun != nil && known.began > begun.began
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
// left who could, or could within a lease after the last fault, what was lost is lost for
// good.
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
	if slices.ContainsFunc(r.gates, (*gate).lives) && w.now() < w.faulty+w.lease {
		return true
	}
	w.oracle.forget(w.server(), func(*promise) bool { return false })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rolled = nil
	return false
}
