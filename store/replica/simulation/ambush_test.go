package simulation

import (
	"slices"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// ambush is a fault that waits for its moment. Chance alone rarely cuts a gate
// off right after a heartbeat and has a session revoked elsewhere right then; an
// adversary does it every time.
type ambush struct {
	method string // of the call to wait for
	sprung chan *gate
}

// ambushes are those that lie in wait.
type ambushes struct {
	mu      sync.Mutex
	waiting []*ambush
	ids     map[store.GateID]*gate
}

// lie waits until a call with a method was carried out at the server, and returns
// the gate that it concerns, or nil if the time is over.
func (w *world) lie(method string, longest time.Duration) *gate {
	a := &ambush{method: method, sprung: make(chan *gate, 1)}
	w.ambushes.mu.Lock()
	w.ambushes.waiting = append(w.ambushes.waiting, a)
	w.ambushes.mu.Unlock()
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case g := <-a.sprung:
		return g
	case <-timer.C:
	case <-w.ctx.Done():
	}
	w.ambushes.mu.Lock()
	defer w.ambushes.mu.Unlock()
	w.ambushes.waiting = slices.DeleteFunc(w.ambushes.waiting, func(other *ambush) bool { return other == a })
	return nil
}

// spring wakes those who waited for a call of a gate. A dismissal concerns the
// gate that is dismissed.
func (w *world) spring(g *gate, call model.Call) {
	w.ambushes.mu.Lock()
	defer w.ambushes.mu.Unlock()
	switch argument := call.Argument.(type) {
	case store.Heartbeat:
		w.ambushes.ids[argument.Gate] = g
	case store.Gate:
		g = w.ambushes.ids[argument.ID]
	}
	w.ambushes.waiting = slices.DeleteFunc(w.ambushes.waiting, func(a *ambush) bool {
		if a.method != call.Method || g == nil {
			return false
		}
		a.sprung <- g
		return true
	})
}

// strike is an ambush: at a call that a gate has made, the gate is cut off or
// stopped, and sessions are revoked at the others.
func strike(w *world, draw *stream, length time.Duration) {
	method := pick(draw, []string{"Heartbeat", "Heartbeat", "Heartbeat", "Dismiss", "Publish", "Merge", "Read"})
	victim := w.lie(method, min(2*w.lease, w.faulty-w.now()))
	if victim == nil || !victim.lives() {
		return
	}
	w.sleep(draw.between(1, w.lease/100))
	w.trace.add(victim.name, "is ambushed after its %s", method)
	for _, g := range w.livingGates() {
		if t := pick(draw, w.allTokens()); g != victim && g.runs() {
			r := t.revocation(draw, time.Now())
			w.wait.Go(func() { g.invalidate(r) })
		}
	}
	length = min(length, w.faulty-w.now())
	if draw.chance(0.4) {
		victim.stop(draw.chance(0.5), length)
		return
	}
	bad := pick(draw, []weather{
		{loseRequest: 1, loseReply: 1}, {loseReply: 1}, {loseRequest: 1}, {delay: w.lease / 5}, {refused: true},
	})
	victim.suffer(&bad, length)
}
