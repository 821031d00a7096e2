package simulation

import (
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

const (
	// maxLeeway is the longest leeway that a gate may have, and clockSkew is how far
	// the clocks of gates may be apart. Revocations are kept for so much longer.
	maxLeeway = 5 * time.Minute
	clockSkew = time.Minute
	leeway    = 30 * time.Second
)

// config is what an operator can set.
type config struct {
	lease, retention, leeway time.Duration
	staleness                time.Duration // for how long an old set admits
	storeOnly                bool          // a revocation waits for the store alone
	byLease                  bool          // a revocation waits for leases, and the gate is on no list
	manual                   bool
}

// options are those of a gate's replica.
func (g *gate) options(c config) replica.Options {
	o := replica.Options{
		Lease: c.lease, MaxStaleness: c.staleness, Manual: c.manual,
		Retention: c.retention, Leeway: c.leeway, Margin: 2*maxLeeway + clockSkew, Skew: clockSkew, Clock: g.clock,
	}
	if c.storeOnly {
		o.Acknowledge = replica.AcknowledgeStore
	}
	if c.byLease {
		o.Acknowledge = replica.AcknowledgeLease
	}
	return o
}

// base is what gates are configured to that start now.
func (w *world) base() config {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.config
}

func (w *world) rebase(c config) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.config = c
}

// configured is what the gate goes by now.
func (g *gate) configured() config {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.config
}

// configure loads the configuration anew, as it comes out of a change. What the cache
// holds is verified again.
func (g *gate) configure(change func(*config)) {
	g.mu.Lock()
	if g.config.storeOnly {
		g.loose = g.now()
	}
	change(&g.config)
	c := g.config
	g.keys = make(map[*token]*store.Keys)
	g.mu.Unlock()
	g.trace.add(g.name, "is configured: %+v", c)
	g.replica.Configure(g.options(c))
}

// waited reports whether the gate was configured to wait for the fleet ever since.
func (g *gate) waited(since time.Duration) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.config.storeOnly && g.loose < since
}

// expires is the second until which a revocation that is made now is kept, as the gate
// computes it: longer than any token that it names can be accepted at any gate.
func (g *gate) expires() int64 {
	wall := time.Unix(0, g.clock.Now().Wall)
	return wall.Add(g.replica.Retention() + 2*maxLeeway + clockSkew).Unix()
}

// verifies reports whether the dates of a token are good, by the gate's clock and its
// configuration. Other tokens never get as far as the replica.
func (g *gate) verifies(t *token, now replica.Instant) bool {
	c, second := g.configured(), now.Wall/int64(time.Second)
	leeway := int64(c.leeway.Seconds())
	return t.issued <= second+leeway && second < t.expires+leeway &&
		t.expires-t.issued <= int64(c.retention.Seconds())
}
