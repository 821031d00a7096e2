// Package simulation runs fleets of gates, with the replica's own code, over a modelled
// store, network and clocks, in fake time. One seed is one run: it determines the faults,
// the delays and the requests of clients. A profile names the faults and the world of a
// run. Storms last for seconds; other profiles last for hours, so that tokens and
// revocations expire.
//
// A run fails if a gate admits a token after a 200 said that it is revoked everywhere. It
// fails if the fleet does not work again soon after the last fault. In most profiles it
// also fails if a gate refuses a token that was never revoked while no data was lost.
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
	// lease is the unit for most lengths in a run. longest is the longest lease of any
	// gate.
	lease, longest time.Duration
	leases         bool // gates have different leases
	pace           pace
	// apart is the largest error of a gate's wall clock. Disciplined wall clocks keep to
	// it, however fast the machine's oscillator is.
	apart       time.Duration
	disciplined bool
	// off draws the error of a wall clock. It may be nil.
	off func(draw *stream) time.Duration
	// refreshes allows sessions to get further tokens.
	refreshes bool
	// logins lets users log in again in a session, and revoke it up to an instant.
	logins bool
	// vary changes one gate's configuration. It may be nil.
	vary func(c *config, draw *stream)
	// reign is how long a server keeps running after another was promoted.
	reign time.Duration
	// lead is the largest error of the issuer's clock in either direction.
	lead time.Duration
	// dial is how long a client tries while connections are refused.
	dial time.Duration
	// bandwidth of the network in bytes per second. Zero is unlimited.
	bandwidth int
	// many is the number of gates at the start. Zero means a few.
	many int
	// work returns how long the server takes for a call. It may be nil.
	work func(reply any) time.Duration
	// large starts the run with a revocation log that takes many merges, and makes merging
	// slow. bulk is its number of entries.
	large bool
	bulk  int
	// faulty is the end of the last fault, relative to the start.
	faulty time.Duration

	turns    atomic.Uint64
	ambushes ambushes

	ctx   context.Context // done when the run is over
	end   context.CancelFunc
	wait  sync.WaitGroup // faults and clients
	calls sync.WaitGroup // calls on their way to the server

	mu                sync.Mutex    // guards all below
	primary, replaced *model.Server // replaced is nil unless an old primary keeps running
	config            config        // of gates that start now
	life              time.Duration // maximum lifetime of tokens issued now
	gates             []*gate
	skew              skew
	rolled            *rollback
	rolling           bool // from the dump until the rollback was noticed
	outage            outage
	busy              time.Time // the server is busy until then
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

// server returns the current primary.
func (w *world) server() *model.Server {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.primary
}

// now returns the time since the start of the run.
func (w *world) now() time.Duration { return time.Since(w.start) }

// moment is a place in the order of a run. The moment with the lower turn came first, even
// within one instant.
type moment struct {
	turn uint64
	at   time.Duration
}

func (w *world) moment() moment { return moment{w.turns.Add(1), w.now()} }

// sleepUntil waits for a time of the run. It reports false if the run ends first.
func (w *world) sleepUntil(at time.Duration) bool {
	return w.sleep(at - w.now())
}

// spend is sleep for a fault. It reports false as soon as all faults must be over.
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

// run plays one seed inside a bubble. The world that it returns holds the violations, and
// the trace if requested.
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
		w.wait.Go(func() { w.runEpisode(e) })
	}
	w.wait.Go(w.request)
	w.wait.Go(w.revoke)
	w.wait.Go(w.keepDumps)
	if w.sleepUntil(w.faulty + time.Millisecond) { // after the faults that end then
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

// stream returns the stream for one kind of call of one gate.
func (w *world) stream(kind string, number int) *stream {
	return w.of(kind + " " + strconv.Itoa(number))
}
