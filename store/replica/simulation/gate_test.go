package simulation

import (
	"fmt"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// gate is one process of the fleet: a replica, the machine's clock, and the way
// to the store.
type gate struct {
	*world
	name    string
	number  int
	clock   *clock
	client  *model.Client
	replica *replica.Replica

	mu      sync.Mutex // guards all below
	weather map[*weather]bool
	pauses  int
	resume  chan struct{} // not nil while paused
	halts   int           // how often it was paused, ever
	dead    bool          // crashed: nothing goes out or comes in any more
	leaving bool
	calm    time.Duration // when the last fault here ended
	keys    map[*token]*store.Keys
}

// join starts a gate, unless the run is over.
func (w *world) join() {
	if w.ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	g := &gate{
		world:   w,
		number:  len(w.gates),
		weather: make(map[*weather]bool),
		keys:    make(map[*token]*store.Keys),
	}
	g.name = fmt.Sprintf("g%d", g.number)
	w.gates = append(w.gates, g)
	w.mu.Unlock()
	g.clock = newClock(w.stream("clock", g.number))
	g.client = w.server.Connect(g.carry)
	g.mu.Lock()
	acknowledge := replica.AcknowledgeFleet
	if w.mixed {
		acknowledge = pick(w.stream("acknowledge", g.number), acknowledges)
	}
	g.replica = replica.New(g.client, g.options(acknowledge))
	g.mu.Unlock()
	w.trace.add(g.name, "starts, its clock off by %d parts of a million", g.clock.drift)
}

// acknowledges are what gates may wait for that promise the same.
var acknowledges = []replica.Acknowledge{replica.AcknowledgeFleet, replica.AcknowledgeLease}

func (g *gate) options(a replica.Acknowledge) replica.Options {
	return replica.Options{Lease: g.lease, Manual: g.manual, Retention: retention, Leeway: leeway, Clock: g.clock, Acknowledge: a}
}

// reconfigure has a gate wait for something else from now on.
func (g *gate) reconfigure(a replica.Acknowledge) {
	g.trace.add(g.name, "acknowledges by %v", a)
	g.replica.Configure(g.options(a))
}

// everyGate returns all gates that ever started.
func (w *world) everyGate() []*gate {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]*gate(nil), w.gates...)
}

// livingGates returns those that neither crashed nor stop.
func (w *world) livingGates() (living []*gate) {
	for _, g := range w.everyGate() {
		if g.lives() {
			living = append(living, g)
		}
	}
	return living
}

func (g *gate) lives() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.replica != nil && !g.dead && !g.leaving
}

// started reports whether the process is there, or was.
func (g *gate) started() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.replica != nil
}

// halted is how often the process was paused so far.
func (g *gate) halted() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.halts
}

// runs reports whether the process can do anything just now.
func (g *gate) runs() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.replica != nil && !g.dead && g.pauses == 0
}

// crash ends the process without a goodbye.
func (g *gate) crash() {
	g.mu.Lock()
	g.dead = true
	g.mu.Unlock()
	g.close()
}

// leave stops the process in order: it may be asked for something until the end,
// and after it.
func (g *gate) leave() {
	g.mu.Lock()
	g.leaving = true
	g.mu.Unlock()
	g.close()
}

func (g *gate) close() {
	g.replica.Close()
	_ = g.client.Close() // twice, if it crashed before the run ended
}

// pause stops the process, as SIGSTOP does; a machine that is suspended stops its
// monotonic clock too.
func (g *gate) pause() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.halts++
	if g.pauses++; g.pauses == 1 {
		g.resume = make(chan struct{})
	}
}

// goOn ends one pause. Before anything of the process itself goes on, clients
// that waited are served: what it knows is as old as the pause is long.
func (g *gate) goOn() {
	g.mu.Lock()
	g.pauses--
	first := g.pauses == 0
	g.mu.Unlock()
	if !first {
		return
	}
	g.tryPromises()
	g.mu.Lock()
	defer g.mu.Unlock()
	close(g.resume)
	g.resume = nil
}

// awaitRunning waits while the process is paused, and reports whether it lives.
func (g *gate) awaitRunning() bool {
	for {
		g.mu.Lock()
		resume, dead := g.resume, g.dead
		g.mu.Unlock()
		if resume == nil || dead {
			return !dead
		}
		select {
		case <-resume:
		case <-g.ctx.Done():
			return !dead
		}
	}
}
