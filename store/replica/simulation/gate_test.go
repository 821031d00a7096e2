package simulation

import (
	"fmt"
	"sync"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// gate is one process of the fleet: a replica, the machine's clock and the link to the
// store.
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
	resume  chan struct{} // non-nil while paused
	halts   int           // number of pauses so far
	dead    bool          // crashed: sends and receives nothing
	config  config
	leaving bool
	loose   time.Duration  // when it last waited for the store alone
	drawn   time.Duration  // time of the last draw
	draws   map[string]int // draws at that time, by name
	lost    bool           // its server is no longer the primary
	calm    time.Duration  // when its last fault ended
	keys    map[*token]*store.Keys
}

// join starts a gate, unless the run is over.
func (w *world) join() *gate { return w.joinOff(0) }

// joinOff starts a gate on a machine whose wall clock is off by the given time, in
// addition to its ordinary deviation.
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

// livingGates returns the gates that have neither crashed nor stopped.
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

// started reports whether the process has ever started.
func (g *gate) started() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.replica != nil
}

// halted returns how often the process has been paused so far.
func (g *gate) halted() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.halts
}

// runs reports whether the process can do anything now.
func (g *gate) runs() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.replica != nil && !g.dead && g.pauses == 0
}

// crash ends the process without taking it off the list of gates.
func (g *gate) crash() {
	g.mu.Lock()
	g.dead = true
	g.mu.Unlock()
	g.close()
}

// leave stops the process in order. It may receive requests during and after that.
func (g *gate) leave() {
	g.mu.Lock()
	g.leaving = true
	g.mu.Unlock()
	g.close()
}

func (g *gate) close() {
	g.replica.Close()
	_ = g.client.Close() // the second call, if it crashed before the end of the run
}

// pause stops the process like SIGSTOP. A suspended machine also stops its monotonic
// clock.
func (g *gate) pause() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.halts++
	if g.pauses++; g.pauses == 1 {
		g.resume = make(chan struct{})
	}
}

// goOn ends one pause. Waiting clients are served before the process itself continues: its
// knowledge is as old as the pause is long.
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
