package simulation

import (
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// rollback is a rollback that no gate has noticed yet. The revocation log still has the
// same generation, but lacks entries that some gates hold.
type rollback struct {
	generation store.Generation
	gates      []*gate // that hold the lost entries
}

// rollbackFaults restore an earlier state of the server, and replace the lost entries by
// others.
var rollbackFaults = []fault{
	{"a rollback", func(w *world, draw *stream, length time.Duration) {
		w.rollBack(func() {
			w.revokeAt(draw, 1+draw.below(3))
			w.sleep(draw.between(time.Millisecond, max(2*time.Millisecond, min(length, w.lease))))
		}, func() { w.revokeAt(draw, draw.below(5)) })
	}},
}

// rollBack restores the state that the server had before the call of before, and then
// calls after. Only one rollback runs at a time, until a gate has noticed it.
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

// further reports whether the gate has applied more of the current revocation log than the
// head then contained. The caller holds mu of the world.
func (g *gate) further(then, now store.Head) bool {
	if !g.lives() {
		return false
	}
	at := g.replica.Status().Position
	if now.Generation == then.Generation {
		return at.Generation == now.Generation && at.Seq > then.Seq
	}
	// Another process may have rolled the revocation log back in the meantime.
	known, begun := g.epochs[now.Generation], g.epochs[then.Generation]
	return at.Generation == now.Generation && known != nil && begun != nil && known.began > begun.began
}

// revokeAt revokes new sessions at random gates.
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

// awaitNoticed waits until a gate has noticed the rollback. It reports false if the run is
// over. A gate that starts before that cannot know what was lost, and no other gate has
// reported it. No protocol helps such a gate.
func (w *world) awaitNoticed() bool {
	for w.ctx.Err() == nil {
		if !w.unnoticed() {
			return true
		}
		w.sleep(w.of("rollbacks").between(1, w.lease/8))
	}
	return false
}

// unnoticed reports whether there is a rollback that no gate has noticed. If no gate is
// left that could notice it by a lease after the last fault, the entries are lost for
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
