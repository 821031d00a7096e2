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

// gone is what those wait for who want a gate that was taken off the list, by the
// heartbeat of another.
const gone = "Gone"

// spring wakes those who waited for a call of a gate.
func (w *world) spring(g *gate, call model.Call, reply any) {
	w.ambushes.mu.Lock()
	defer w.ambushes.mu.Unlock()
	if beat, ok := call.Argument.(store.Heartbeat); ok {
		w.ambushes.ids[beat.Gate] = g
	}
	w.springFor(call.Method, g)
	if head, ok := reply.(store.Head); ok {
		for _, id := range head.Gone {
			w.springFor(gone, w.ambushes.ids[id])
		}
	}
}

func (w *world) springFor(method string, g *gate) {
	w.ambushes.waiting = slices.DeleteFunc(w.ambushes.waiting, func(a *ambush) bool {
		if a.method != method || g == nil {
			return false
		}
		a.sprung <- g
		return true
	})
}

// strike is an ambush at any call that a gate makes.
func strike(w *world, draw *stream, length time.Duration) {
	methods := []string{"Heartbeat", "Heartbeat", "Heartbeat", gone, "Publish", "Merge", "Read"}
	w.strikeAfter(pick(draw, methods), draw, length)
}

// strikeAfter waits for a call of a gate. Then the gate is cut off or stopped, and
// sessions are revoked at the others.
func (w *world) strikeAfter(method string, draw *stream, length time.Duration) {
	victim := w.lie(method, min(2*w.lease, w.faulty-w.now()))
	if victim == nil || !victim.runs() {
		return
	}
	w.sleep(draw.between(1, pick(draw, []time.Duration{100 * time.Microsecond, w.lease / 100})))
	w.trace.add(victim.name, "is ambushed after its %s", method)
	w.revokeBeside(victim, draw)
	length = min(length, w.faulty-w.now())
	if draw.chance(0.4) {
		if blind := (weather{on: reading, loseReply: 1}); draw.chance(0.5) {
			w.wait.Go(func() { victim.suffer(&blind, min(2*length, w.faulty-w.now())) })
		}
		victim.stop(draw.chance(0.5), length)
		return
	}
	for _, bad := range pick(draw, severed) {
		w.wait.Go(func() { victim.suffer(&bad, length) })
	}
	w.sleep(length)
}

// severed are ways to cut a gate off. What it asked for last may still be
// answered, and late.
var severed = [][]weather{
	{{loseRequest: 1, loseReply: 1}},
	{{on: reading, loseReply: 1}, {on: asking, loseRequest: 1}},
	{{on: reading, loseReply: 1}, {on: asking, loseRequest: 1, delay: 250 * time.Millisecond}},
	{{on: reading, loseReply: 1}},
	{{on: asking, loseRequest: 1, loseReply: 1}},
	{{delay: 500 * time.Millisecond}},
	{{refused: true}},
}

// revokeBeside has a new session revoked at every other gate.
func (w *world) revokeBeside(victim *gate, draw *stream) {
	for _, g := range w.livingGates() {
		if g != victim && g.runs() {
			r := w.newToken().revocation(draw, time.Now())
			w.wait.Go(func() { g.invalidate(r) })
		}
	}
}
