package simulation

import (
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// outage is the state of the server's faults. The world's mu guards it.
type outage struct {
	freezes  int
	thaw     chan struct{} // non-nil while frozen
	refusals int           // connections are refused while positive
	faults   int           // in progress
	calm     time.Duration // end of the last fault
}

// epoch is what the world knows about one generation.
type epoch struct {
	began   time.Duration
	holders map[*promise][]*gate // at its beginning
	opened  bool
}

// serverFault records the beginning of a server fault, and returns a function that records
// its end.
func (w *world) serverFault() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outage.faults++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.outage.faults--
		w.outage.calm = w.now()
	}
}

// freeze stops the server's process for a time.
func (w *world) freeze(length time.Duration) {
	w.mu.Lock()
	if w.outage.freezes++; w.outage.freezes == 1 {
		w.outage.thaw = make(chan struct{})
	}
	w.mu.Unlock()
	w.sleep(length)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.outage.freezes--; w.outage.freezes == 0 {
		close(w.outage.thaw)
		w.outage.thaw = nil
	}
}

// away refuses connections for a time.
func (w *world) away(length time.Duration) {
	w.closed(1)
	w.sleep(length)
	w.closed(-1)
}

func (w *world) closed(more int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outage.refusals += more
}

func (w *world) serverRefuses() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outage.refusals > 0
}

// awaitServer waits while the server is frozen. It reports false if the run ends first.
// Waiting calls continue one by one.
func (w *world) awaitServer(draw *stream) bool {
	for {
		w.mu.Lock()
		thaw := w.outage.thaw
		w.mu.Unlock()
		if thaw == nil {
			return w.ctx.Err() == nil
		}
		select {
		case <-thaw:
			w.sleep(draw.between(1, time.Millisecond))
		case <-w.ctx.Done():
			return false
		}
	}
}

// keepDumps takes backups at random intervals.
func (w *world) keepDumps() {
	draw := w.of("dumps")
	for w.sleep(draw.between(100*time.Millisecond, w.pace.dumps)) {
		dump := w.server().Dump()
		w.mu.Lock()
		w.dumps = append(w.dumps, dump)
		w.mu.Unlock()
	}
}

// observe looks at the head after each call. It records when a generation begins and when
// it opens.
func (w *world) observe(g *gate, call model.Call, reply any) {
	w.mu.Lock()
	primary, replaced := w.primary, w.replaced
	w.mu.Unlock()
	w.spring(g, call, reply)
	w.observeAt(primary, g, call)
	if replaced != nil {
		w.observeAt(replaced, g, call)
	}
}

func (w *world) observeAt(server *model.Server, g *gate, call model.Call) {
	head := server.Peek()
	if head.Generation == 0 {
		return
	}
	w.mu.Lock()
	_, known := w.epochs[head.Generation]
	w.mu.Unlock()
	begins := &epoch{began: w.now()}
	if !known {
		begins.holders = w.oracle.holders()
	}
	w.mu.Lock()
	e, known := w.epochs[head.Generation]
	if !known {
		e = begins
		w.epochs[head.Generation] = e
	}
	opens := !e.opened && head.State != store.StateRepair
	e.opened = e.opened || opens
	w.mu.Unlock()
	if !known {
		w.trace.add("", "generation %s begins at %d, in %v", w.trace.name(head.Generation), head.Seq, head.State)
	}
	if opens {
		merge, _ := call.Argument.(store.Merge)
		w.trace.add("", "generation %s is opened by %s, witness %v", w.trace.name(head.Generation), g.name, merge.Witness)
		w.oracle.opened(e, server, merge.Witness)
	}
}

// healthy reports whether neither the gate nor the server has had a fault since the given
// time. A healthy gate could do everything that a gate does within two leases.
func (g *gate) healthy(since time.Duration) bool {
	g.world.mu.Lock()
	server := g.outage.faults == 0 && g.outage.calm < since
	g.world.mu.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	return server && g.replica != nil && !g.dead && !g.leaving && g.pauses == 0 && !g.lost && len(g.weather) == 0 && g.calm < since
}
