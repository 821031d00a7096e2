package simulation

import "time"

// operations are ordinary actions of operators. None of them loses data.
var operations = []fault{
	{"a rolling restart of all", func(w *world, draw *stream, length time.Duration) {
		w.roll(draw, length, func(g *gate) {
			surge := draw.chance(0.5)
			if surge {
				w.join()
				if !w.spend(draw.between(1, w.lease)) {
					return
				}
			}
			w.trace.add(g.name, "stops")
			g.leave()
			if !surge {
				w.spend(draw.between(1, w.lease))
				w.join()
			}
		})
	}},
	{"a restart of the server that keeps all", func(w *world, draw *stream, _ time.Duration) {
		defer w.serverFault()()
		w.server().Restart()
		w.away(min(draw.between(time.Second, 10*time.Second), w.faulty-w.now()))
	}},
	{"an outage", func(w *world, draw *stream, _ time.Duration) {
		defer w.serverFault()()
		w.away(min(draw.between(time.Second, 5*w.lease), w.faulty-w.now()))
	}},
	{"a crash of a gate", func(w *world, draw *stream, _ time.Duration) {
		if g := w.anyGate(draw); g != nil {
			w.trace.add(g.name, "crashes")
			g.crash()
			w.spend(draw.between(1, w.lease))
		}
		w.join()
	}},
	{"scaling to zero and back", func(w *world, draw *stream, length time.Duration) {
		for _, g := range w.livingGates() {
			w.trace.add(g.name, "stops")
			g.leave()
		}
		w.spend(draw.between(1, 1+2*length))
		for range 1 + draw.below(3) {
			w.join()
		}
	}},
	{"a gate that is away for longer than a retention", func(w *world, draw *stream, _ time.Duration) {
		g := w.anyGate(draw)
		if g == nil {
			return
		}
		long := min(draw.between(w.base().retention, 2*w.base().retention+time.Hour), w.faulty-w.now())
		if cut := (weather{loseRequest: 1, loseReply: 1}); draw.chance(0.5) {
			g.endureWeather(&cut, long)
		} else {
			g.stop(draw.chance(0.5), long)
		}
	}},
	{"a step of a second", func(w *world, draw *stream, _ time.Duration) {
		by := draw.between(-time.Second, time.Second)
		if g := w.anyGate(draw); g != nil && draw.chance(0.7) {
			w.trace.add(g.name, "its wall clock is set by %v", by)
			g.clock.set(by)
			return
		}
		w.server().StepClock(by)
	}},
}

// raises lengthen the lifetime of tokens and revocations during the run.
var raises = []fault{
	{"a longer retention", func(w *world, draw *stream, length time.Duration) {
		to := w.base()
		to.retention = (to.retention * 5 / 4).Truncate(time.Minute)
		w.rebase(to)
		longer := to.retention
		w.roll(draw, length, func(g *gate) { g.configure(func(c *config) { c.retention = max(c.retention, longer) }) })
		for w.server().Peek().Retention < longer { // possibly no gate has reached the store yet
			if !w.spend(draw.between(1, w.lease)) {
				return
			}
		}
		w.spend(2 * time.Minute) // then the issuer may raise it, too
		w.mu.Lock()
		defer w.mu.Unlock()
		w.life = max(w.life, longer)
	}},
}
