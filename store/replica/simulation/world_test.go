// Package simulation runs fleets of gates, with the replica's own code, over a
// modelled store, network and clocks, in fake time. One seed is one run: the
// faults, the delays and what clients ask for all come from it. A run fails if a
// gate admits what a 200 had said to be revoked everywhere, and if the fleet
// does not work again soon after the last fault.
package simulation

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// world is one run.
type world struct {
	*streams
	trace  *trace
	oracle *oracle
	server *model.Server
	start  time.Time
	lease  time.Duration
	manual bool
	// mixed says that some gates acknowledge by the list of gates, and others by the
	// lease.
	mixed bool
	// large says that the log begins with more than a few merges can hold, and that
	// merging is slow.
	large bool
	// rolls says that the only fault is that the server goes back within one process:
	// among others, few promises are left of which a gate is sure to know.
	rolls bool
	// faulty is when the last fault ends, after the start.
	faulty time.Duration

	turns    atomic.Uint64
	quiet    atomic.Int64 // until then clients revoke nothing
	ambushes ambushes

	ctx   context.Context // over when the run is
	end   context.CancelFunc
	wait  sync.WaitGroup // for faults and clients
	calls sync.WaitGroup // for what is on its way to the server

	mu     sync.Mutex // guards all below
	gates  []*gate
	outage outage
	epochs map[store.Generation]*epoch
	dumps  []*model.Dump
	tokens []*token
}

// newWorld draws what stays the same for a whole run.
func newWorld(seed uint64, traced bool) *world {
	s := newStreams(seed)
	draw := s.of("world")
	w := &world{
		streams: s,
		trace:   newTrace(traced),
		server:  model.NewServer(seed, 1+draw.below(8)),
		start:   time.Now(),
		lease:   draw.between(time.Second, 3*time.Second),
		manual:  draw.chance(0.1),
		mixed:   draw.chance(0.3),
		large:   draw.chance(0.04),
		rolls:   draw.chance(0.2),
		faulty:  draw.between(10*time.Second, 30*time.Second),
		epochs:  make(map[store.Generation]*epoch),
	}
	w.ambushes.ids = make(map[store.GateID]*gate)
	w.oracle = newOracle(w)
	w.ctx, w.end = context.WithCancel(context.Background())
	return w
}

// now is how long the run has gone on.
func (w *world) now() time.Duration { return time.Since(w.start) }

// moment is a place in the order of a run: of two, the one with the lower turn
// came first, also within one instant.
type moment struct {
	turn uint64
	at   time.Duration
}

func (w *world) moment() moment { return moment{w.turns.Add(1), w.now()} }

// sleepUntil waits for a time of the run, and reports false if the run ended, or
// was given up, before.
func (w *world) sleepUntil(at time.Duration) bool {
	return w.sleep(at - w.now())
}

func (w *world) sleep(d time.Duration) bool {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
		return w.ctx.Err() == nil
	case <-w.ctx.Done():
		return false
	}
}

// run plays one seed inside a bubble and returns what went wrong, if anything,
// and the trace if it was asked for.
func run(seed uint64, traced bool) *world {
	w := newWorld(seed, traced)
	draw := w.of("world")
	w.trace.add("", "lease %v, bootstrap manual %v, faults until %v", w.lease, w.manual, w.faulty)
	for range 16 {
		w.newToken()
	}
	if w.large {
		w.fill()
	}
	for range 2 + draw.below(4) {
		w.wait.Go(func() {
			if w.sleep(draw.between(0, w.lease)) {
				w.join()
			}
		})
	}
	for _, e := range w.plan() {
		w.wait.Go(func() { w.suffer(e) })
	}
	w.wait.Go(w.request)
	w.wait.Go(w.revoke)
	w.wait.Go(w.keepDumps)
	if w.sleepUntil(w.faulty) {
		w.heal()
		w.progress()
	}
	w.end()
	w.wait.Wait()
	for _, g := range w.everyGate() {
		g.leave()
	}
	w.calls.Wait()
	return w
}

// stream returns the source of chance of one kind of call of one gate.
func (w *world) stream(kind string, number int) *stream {
	return w.of(kind + " " + strconv.Itoa(number))
}
