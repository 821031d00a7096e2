package simulation

import (
	"context"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// newConfigs change the configuration of running gates.
var newConfigs = []fault{
	{"a new configuration", func(w *world, draw *stream, _ time.Duration) {
		if g := w.anyGate(draw); g != nil {
			g.configure(func(c *config) { w.vary(c, draw) })
		}
	}},
	{"a new configuration everywhere", func(w *world, draw *stream, length time.Duration) {
		to := w.base()
		w.vary(&to, draw)
		w.rebase(to)
		w.roll(draw, length, func(g *gate) { g.configure(func(c *config) { *c = to }) })
	}},
}

// newAcknowledge lets a gate wait for the store alone, and then for the other gates again.
var newAcknowledge = []fault{
	{"a gate that waits for the others again", func(w *world, draw *stream, length time.Duration) {
		g := w.anyGate(draw)
		if g == nil || !g.runs() {
			return
		}
		g.configure(func(c *config) { c.storeOnly = true })
		blind := weather{on: reading, loseReply: 1}
		for _, other := range w.livingGates() {
			if other != g {
				w.wait.Go(func() { other.endureWeather(&blind, length) })
			}
		}
		r := w.newToken().revocation(draw, time.Now())
		g.invalidate(r)
		g.configure(func(c *config) { c.storeOnly = false })
		g.invalidate(r)
	}},
}

// newStaleness withdraws max_staleness from a gate that is cut off.
var newStaleness = []fault{
	{"a gate that no longer admits by an old set", func(w *world, draw *stream, length time.Duration) {
		g := w.anyGate(draw)
		if g == nil {
			return
		}
		g.configure(func(c *config) { c.staleness = 20 * w.lease })
		cut := weather{loseRequest: 1, loseReply: 1}
		w.wait.Go(func() { g.endureWeather(&cut, length) })
		w.spend(draw.between(1, w.lease/4))
		w.revokeBeside(g, draw)
		w.spend(max(length-w.lease/2, w.lease/2))
		g.configure(func(c *config) { c.staleness = 0 })
		if g.runs() {
			g.tryPromises()
		}
	}},
}

// newLeases change the lease, or delete the head that holds it. In the second fault the
// gates that know the lease are cut off, and a gate with a longer lease starts. A gate
// with a shorter lease cannot know that its lease is too short; the product does not
// promise that case.
var newLeases = []fault{
	{"an operator changes the lease", func(w *world, draw *stream, _ time.Duration) {
		to := pick(draw, []time.Duration{w.lease / 2, w.lease, w.longest})
		w.trace.add("", "the lease is set to %v", to)
		_, _ = w.server().Connect(nil).SetLease(context.Background(), to) // cannot fail in memory
	}},
	{"a new gate creates the head while all others are cut off", func(w *world, draw *stream, length time.Duration) {
		w.awaitCall("Heartbeat", w.lease/2)
		cut, over := weather{loseRequest: 1, loseReply: 1}, min(max(length, w.longest), w.faulty-w.now())
		for _, g := range w.livingGates() {
			w.wait.Go(func() { g.endureWeather(&cut, over) })
		}
		w.spend(time.Millisecond)
		end := w.serverFault()
		w.lose()
		w.server().Flush()
		end()
		to := w.base()
		to.lease = w.longest
		w.rebase(to)
		g := w.join()
		for until := w.now() + over; w.spend(draw.between(1, w.lease/4)) && w.now() < until && g != nil && g.runs(); {
			r := w.newToken().revocation(draw, time.Now())
			w.wait.Go(func() { g.invalidate(r) })
		}
	}},
}

// newRetentions raise the retention, and delete the head that holds it.
var newRetentions = []fault{
	{"a longer retention, and the head is lost", func(w *world, draw *stream, length time.Duration) {
		longer := w.lifetime() * time.Duration(draw.between(60, 101)) / 100
		w.roll(draw, length, func(g *gate) {
			if draw.chance(0.7) {
				g.configure(func(c *config) { c.retention = max(c.retention, longer.Truncate(time.Minute)) })
			}
		})
		to := w.base()
		to.retention = max(to.retention, longer.Truncate(time.Minute))
		w.rebase(to)
		w.spend(draw.between(1, length+w.lease))
		end := w.serverFault()
		w.lose()
		w.server().DropHead()
		end()
		w.spend(draw.between(1, length+w.lease))
		w.join()
	}},
	{"a longer retention while a gate is cut off until the old one is over", func(w *world, draw *stream, _ time.Duration) {
		victim := w.anyGate(draw)
		if victim == nil || !victim.runs() {
			return
		}
		w.revokeBeside(victim, draw)
		w.spend(2 * w.lease)
		old := victim.replica.Retention() + 2*maxLeeway + clockSkew
		cut, away := weather{loseRequest: 1, loseReply: 1}, min(draw.between(old, old+old/4), w.faulty-w.now())
		w.wait.Go(func() { victim.endureWeather(&cut, away) })
		longer := w.lifetime()
		raise := func(c *config) { c.retention = max(c.retention, longer) }
		to := w.base()
		raise(&to)
		w.rebase(to)
		w.roll(draw, w.lease, func(g *gate) {
			if g != victim {
				g.configure(raise)
			}
		})
		w.spend(away + w.lease)
		if victim.runs() {
			victim.configure(raise)
			victim.tryPromises()
		}
	}},
	{"another retention and leeway at a gate", func(w *world, draw *stream, _ time.Duration) {
		if g := w.anyGate(draw); g != nil {
			base, life := w.base().retention, w.lifetime()
			g.configure(func(c *config) {
				c.retention = pick(draw, []time.Duration{base, life / 2, life})
				c.leeway = pick(draw, []time.Duration{0, leeway, maxLeeway})
			})
		}
	}},
	{"a session that is revoked with a long token of its own", func(w *world, draw *stream, _ time.Duration) {
		if g := w.anyGate(draw); g != nil && g.runs() {
			g.invalidate(store.Revocation{Kind: store.KindSession, Key: w.newToken().session})
		}
	}},
}

// roll calls do for one gate after another.
func (w *world) roll(draw *stream, length time.Duration, do func(*gate)) {
	for _, g := range w.livingGates() {
		if !w.spend(draw.between(1, 1+length/4)) {
			return
		}
		if g.lives() {
			do(g)
		}
	}
}
