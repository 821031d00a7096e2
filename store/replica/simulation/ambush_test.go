package simulation

import (
	"slices"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// ambush is a fault that waits for one call of a gate. Chance alone rarely cuts a gate off
// right after its heartbeat while another gate revokes a session. An adversary does it
// every time.
type ambush struct {
	method string // the call to wait for
	sprung chan *gate
}

// ambushes holds the ambushes that wait for a call.
type ambushes struct {
	mu      sync.Mutex
	waiting []*ambush
	ids     map[store.GateID]*gate
}

// awaitCall waits until the server has carried out a call of a method. It returns the gate
// that the call concerns, or nil after longest.
func (w *world) awaitCall(method string, longest time.Duration) *gate {
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

// gone is the method name of the event that a heartbeat takes another gate off the list.
const gone = "Gone"

// spring wakes the ambushes that wait for this call of the gate.
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

// strikeAfter waits for a call of a gate. Then it cuts that gate off or stops it, and
// revokes sessions at the other gates.
func (w *world) strikeAfter(method string, draw *stream, length time.Duration) {
	victim := w.awaitCall(method, min(2*w.lease, w.faulty-w.now()))
	if victim == nil || !victim.runs() {
		return
	}
	w.sleep(draw.between(1, pick(draw, []time.Duration{100 * time.Microsecond, w.lease / 100})))
	w.trace.add(victim.name, "is ambushed after its %s", method)
	w.revokeBeside(victim, draw)
	length = min(length, w.faulty-w.now())
	if draw.chance(0.4) {
		if blind := (weather{on: reading, loseReply: 1}); draw.chance(0.5) {
			w.wait.Go(func() { victim.endureWeather(&blind, min(2*length, w.faulty-w.now())) })
		}
		victim.stop(draw.chance(0.5), length)
		return
	}
	for _, bad := range pick(draw, severed) {
		w.wait.Go(func() { victim.endureWeather(&bad, length) })
	}
	w.sleep(length)
}

// severed lists ways to cut a gate off. The last request may still be answered, possibly
// late.
var severed = [][]weather{
	{{loseRequest: 1, loseReply: 1}},
	{{on: reading, loseReply: 1}, {on: asking, loseRequest: 1}},
	{{on: reading, loseReply: 1}, {on: asking, loseRequest: 1, delay: 250 * time.Millisecond}},
	{{on: reading, loseReply: 1}},
	{{on: asking, loseRequest: 1, loseReply: 1}},
	{{delay: 500 * time.Millisecond}},
	{{refused: true}},
}

// revokeBeside revokes a new session at every other gate.
func (w *world) revokeBeside(victim *gate, draw *stream) {
	for _, g := range w.livingGates() {
		if g != victim && g.runs() {
			r := w.newToken().revocation(draw, time.Now())
			w.wait.Go(func() { g.invalidate(r) })
		}
	}
}
