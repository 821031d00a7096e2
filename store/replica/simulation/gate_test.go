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
	config  config
	leaving bool
	loose   time.Duration  // when it last waited for the store alone
	drawn   time.Duration  // when something was last drawn for it
	draws   map[string]int // and how often then, by what it was
	lost    bool           // it asks a server that is none any more
	calm    time.Duration  // when the last fault here ended
	keys    map[*token]*store.Keys
}

// join starts a gate, unless the run is over.
func (w *world) join() *gate { return w.joinOff(0) }

// joinOff starts a gate on a machine whose wall clock is off by so much more than those
// of others.
func (w *world) joinOff(off time.Duration) *gate {
	if !w.awaitNoticed() {
		return nil
	}
	w.mu.Lock()
	g := &gate{
		world:   w,
		config:  w.config,
		number:  len(w.gates),
		weather: make(map[*weather]bool),
		keys:    make(map[*token]*store.Keys),
	}
	g.name = fmt.Sprintf("g%d", g.number)
	w.gates = append(w.gates, g)
	w.mu.Unlock()
	g.clock = newClock(w, w.stream("clock", g.number))
	g.clock.set(off)
	if w.vary != nil {
		w.vary(&g.config, w.stream("config", g.number))
	}
	g.client = w.server().Connect(g.carry)
	w.trace.add(g.name, "starts with %+v, its clock off by %d parts of a million and %v", g.config, g.clock.drift, g.clock.off())
	g.mu.Lock()
	defer g.mu.Unlock()
	g.replica = replica.New(g.client, g.options(g.config))
	return g
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
	g.calm = g.now()
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
