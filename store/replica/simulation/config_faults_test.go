package simulation

import (
	"context"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// newConfigs are gates whose configuration is changed while they run.
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

// newAcknowledge has a gate wait for the others again, after it waited for the store.
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
				w.wait.Go(func() { other.suffer(&blind, length) })
			}
		}
		r := w.newToken().revocation(draw, time.Now())
		g.invalidate(r)
		g.configure(func(c *config) { c.storeOnly = false })
		g.invalidate(r)
	}},
}

// newStaleness has a gate that is cut off admit by an old set no more.
var newStaleness = []fault{
	{"a gate that admits by an old set no more", func(w *world, draw *stream, length time.Duration) {
		g := w.anyGate(draw)
		if g == nil {
			return
		}
		g.configure(func(c *config) { c.staleness = 20 * w.lease })
		cut := weather{loseRequest: 1, loseReply: 1}
		w.wait.Go(func() { g.suffer(&cut, length) })
		w.spend(draw.between(1, w.lease/4))
		w.revokeBeside(g, draw)
		w.spend(max(length-w.lease/2, w.lease/2))
		g.configure(func(c *config) { c.staleness = 0 })
		if g.runs() {
			g.tryPromises()
		}
	}},
}

// newLeases are an operator who changes the lease, and losses of the head, which knew
// it, while those who know it too are cut off and a gate with a longer one comes. One
// with a shorter one cannot know that it is too short, which is not promised.
var newLeases = []fault{
	{"an operator changes the lease", func(w *world, draw *stream, _ time.Duration) {
		to := pick(draw, []time.Duration{w.lease / 2, w.lease, w.longest})
		w.trace.add("", "the lease is set to %v", to)
		_, _ = w.server().Connect(nil).SetLease(context.Background(), to) // in memory, it does not fail
	}},
	{"a new gate makes the head anew while all others are cut off", func(w *world, draw *stream, length time.Duration) {
		w.lie("Heartbeat", w.lease/2)
		cut, over := weather{loseRequest: 1, loseReply: 1}, min(max(length, w.longest), w.faulty-w.now())
		for _, g := range w.livingGates() {
			w.wait.Go(func() { g.suffer(&cut, over) })
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

// newRetentions are longer retentions, and losses of the head that knew of them.
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
		w.wait.Go(func() { victim.suffer(&cut, away) })
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

// roll does something to one gate after another.
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
