package simulation

import (
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

const (
	// maxLeeway is the longest leeway of a gate. clockSkew is the largest difference
	// between the clocks of two gates. Revocations are kept longer by these amounts.
	maxLeeway = 5 * time.Minute
	clockSkew = time.Minute
	leeway    = 30 * time.Second
)

// config is the part of a gate's configuration that runs vary.
type config struct {
	lease, retention, leeway time.Duration
	staleness                time.Duration // an old set admits this long
	storeOnly                bool          // a revocation waits for the store alone
	byLease                  bool          // a revocation waits for leases, and the gate is on no list
	manual                   bool
}

// options returns the options of a gate's replica.
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

// base returns the configuration of gates that start now.
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

// configured returns the gate's current configuration.
func (g *gate) configured() config {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.config
}

// configure applies a change of the configuration. Cached tokens are verified again.
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

// waited reports whether the gate has been configured to wait for the fleet ever since
// that time.
func (g *gate) waited(since time.Duration) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return !g.config.storeOnly && g.loose < since
}

// expires returns the second until which a revocation made now is kept, as the gate
// computes it. No gate accepts a token that the revocation names after that second.
func (g *gate) expires() int64 {
	wall := time.Unix(0, g.clock.Now().Wall)
	return wall.Add(g.replica.Retention() + 2*maxLeeway + clockSkew).Unix()
}

// verifies reports whether the gate's clock and configuration accept the dates of a token.
// The replica never sees other tokens.
func (g *gate) verifies(t *token, now replica.Instant) bool {
	c, second := g.configured(), now.Wall/int64(time.Second)
	leeway := int64(c.leeway.Seconds())
	return t.issued <= second+leeway && second < t.expires+leeway &&
		t.expires-t.issued <= int64(c.retention.Seconds())
}
