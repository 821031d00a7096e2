// Package simulation runs fleets of gates, with the replica's own code, over a
// modelled store, network and clocks, in fake time. One seed is one run: the
// faults, the delays and what clients ask for all come from it. A profile names the
// faults and the world of a run: storms last for seconds, others for hours, so that
// tokens and revocations expire. A run fails if a gate admits what a 200 had said to
// be revoked everywhere, if the fleet does not work again soon after the last fault,
// and in most profiles if a gate refuses what nobody revoked while nothing was lost.
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
	profile *profile
	trace   *trace
	oracle  *oracle
	start   time.Time
	// lease is what most lengths in a run are measured by, and longest that of any gate.
	lease, longest time.Duration
	leases         bool // gates have different ones
	pace           pace
	// apart is how far the wall clocks of gates are from the right time at the most.
	// Those that are disciplined go by it, however fast the machine's oscillator is.
	apart       time.Duration
	disciplined bool
	// off draws by how much a wall clock is wrong. It may be nil.
	off func(draw *stream) time.Duration
	// refreshes says that sessions get more tokens than their first.
	refreshes bool
	// vary draws what is different about one gate's configuration. It may be nil.
	vary func(c *config, draw *stream)
	// reign is for how long a server goes on after another was promoted.
	reign time.Duration
	// lead is how far the issuer's clock is ahead, or behind, at the most.
	lead time.Duration
	// dial is for how long a client tries where connections are refused.
	dial time.Duration
	// bandwidth is that of the network, in bytes a second. Zero is any.
	bandwidth int
	// many is how many gates start with the run. Zero is a few.
	many int
	// work is how long the server takes for a call. It may be nil.
	work func(reply any) time.Duration
	// large says that the log begins with more than a few merges can hold, and that
	// merging is slow. bulk is of how many entries.
	large bool
	bulk  int
	// faulty is when the last fault ends, after the start.
	faulty time.Duration

	turns    atomic.Uint64
	ambushes ambushes

	ctx   context.Context // over when the run is
	end   context.CancelFunc
	wait  sync.WaitGroup // for faults and clients
	calls sync.WaitGroup // for what is on its way to the server

	mu                sync.Mutex    // guards all below
	primary, replaced *model.Server // the latter is nil unless one goes on
	config            config        // of the gates that start now
	life              time.Duration // the longest of a token that is issued now
	gates             []*gate
	skew              skew
	rolled            *rollback
	rolling           bool // from the dump until it was noticed
	outage            outage
	busy              time.Time // until when the server works
	epochs            map[store.Generation]*epoch
	dumps             []*model.Dump
	tokens            []*token
}

// newWorld draws what stays the same for a whole run.
func newWorld(p *profile, seed uint64, traced bool) *world {
	s := newStreams(seed)
	draw := s.of("world")
	w := &world{
		streams: s,
		profile: p,
		trace:   newTrace(traced),
		primary: model.NewServer(seed, 1+draw.below(8)),
		start:   time.Now(),
		lease:   draw.between(time.Second, 3*time.Second),
		config:  config{retention: 24 * time.Hour, leeway: leeway, manual: draw.chance(0.1)},
		life:    12 * time.Hour,
		apart:   time.Minute,
		large:   draw.chance(0.04),
		bulk:    len(bulk()),
		faulty:  draw.between(10*time.Second, 30*time.Second),
		epochs:  make(map[store.Generation]*epoch),
	}
	w.longest, w.config.lease = w.lease, w.lease
	w.pace = pace{w.lease / 10, 500 * time.Millisecond, 3 * time.Second, 3 * w.lease}
	w.ambushes.ids = make(map[store.GateID]*gate)
	w.oracle = newOracle(w)
	w.ctx, w.end = context.WithCancel(context.Background())
	if p.scene != nil {
		p.scene(w, s.of("scene"))
	}
	return w
}

// server is the one that is the primary now.
func (w *world) server() *model.Server {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.primary
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

// spend is sleep for a fault: it reports false as soon as all faults have to be over.
func (w *world) spend(d time.Duration) bool {
	left := w.faulty - w.now()
	return w.sleep(min(d, left)) && d < left
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
func run(p *profile, seed uint64, traced bool) *world {
	w := newWorld(p, seed, traced)
	draw := w.of("world")
	w.trace.add("", "%s: lease %v, %+v, faults until %v", p.name, w.lease, w.config, w.faulty)
	for range 16 {
		w.newToken()
	}
	if w.large {
		w.fill()
	}
	for range max(w.many, 2+draw.below(4)) {
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
	if w.sleepUntil(w.faulty + time.Millisecond) { // after what ends then
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
