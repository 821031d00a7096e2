package simulation

import "time"

// gateFaults are faults of gates and of their links to the server.
var gateFaults = []fault{
	{"a slow link", storm(func(w *world, draw *stream) weather {
		return weather{delay: draw.between(time.Millisecond, w.lease/2)}
	})},
	{"a bad link", storm(func(w *world, draw *stream) weather {
		return weather{delay: w.lease / 10, loseRequest: 0.3, loseReply: 0.3, twice: 0.5}
	})},
	{"requests arrive twice", storm(func(w *world, _ *stream) weather {
		return weather{delay: w.lease / 10, twice: 1}
	})},
	{"requests are lost", storm(func(*world, *stream) weather { return weather{loseRequest: 1} })},
	{"replies are lost", storm(func(*world, *stream) weather { return weather{loseReply: 1} })},
	{"a partition", storm(func(*world, *stream) weather { return weather{loseRequest: 1, loseReply: 1} })},
	{"connections refused", storm(func(*world, *stream) weather { return weather{refused: true} })},
	{"a pause", pauseOf(false)},
	{"a suspend", pauseOf(true)},
	{"a crash", func(w *world, draw *stream, length time.Duration) {
		if g := w.anyGate(draw); g != nil {
			w.trace.add(g.name, "crashes")
			g.crash()
			w.sleep(length)
		}
		w.join()
	}},
	{"a crash for good", func(w *world, draw *stream, _ time.Duration) {
		if g := w.anyGate(draw); g != nil {
			w.trace.add(g.name, "crashes")
			g.crash()
		}
	}},
	{"a rolling restart", func(w *world, draw *stream, length time.Duration) {
		if g := w.anyGate(draw); g != nil {
			w.trace.add(g.name, "stops")
			if draw.chance(0.5) {
				slow := &weather{delay: w.lease / 5}
				w.wait.Go(func() { g.endureWeather(slow, min(length, w.lease)) })
				w.wait.Go(func() { w.strikeAfter("Leave", draw, min(length, w.lease)) })
			}
			g.leave()
			w.sleep(length)
		}
		w.join()
	}},
	{"a new gate", func(w *world, draw *stream, length time.Duration) {
		if len(w.livingGates()) < 6 {
			w.join()
			w.strikeAfter("Heartbeat", draw, length)
		}
	}},
}

// gateSteps set the wall clocks of gates by minutes.
var gateSteps = []fault{
	{"a step of a gate's clock", func(w *world, draw *stream, _ time.Duration) {
		if g := w.anyGate(draw); g != nil {
			by := draw.between(-10*time.Minute, 10*time.Minute)
			if draw.chance(0.5) {
				by = draw.between(-2*w.lease, 2*w.lease)
			}
			w.trace.add(g.name, "its wall clock is set by %v", by)
			g.clock.set(by)
		}
	}},
}

// anyGate returns a random living gate, or nil.
func (w *world) anyGate(draw *stream) *gate {
	gates := w.livingGates()
	if len(gates) == 0 {
		return nil
	}
	return pick(draw, gates)
}

// storm is bad weather at one gate, and sometimes at all gates.
func storm(drawWeather func(w *world, draw *stream) weather) func(*world, *stream, time.Duration) {
	return func(w *world, draw *stream, length time.Duration) {
		bad := drawWeather(w, draw)
		bad.on = pick(draw, []connection{both, both, reading, asking})
		gates := w.livingGates()
		if !draw.chance(0.2) && len(gates) > 0 {
			gates = []*gate{pick(draw, gates)}
		}
		for _, g := range gates {
			w.wait.Go(func() { g.endureWeather(&bad, length) })
		}
	}
}

// endureWeather puts bad weather on the gate's link for a time.
func (g *gate) endureWeather(bad *weather, length time.Duration) {
	g.trace.add(g.name, "has bad weather for %v: %+v", length, *bad)
	g.mu.Lock()
	g.weather[bad] = true
	g.mu.Unlock()
	g.endure("weather", length)
	g.trace.add(g.name, "has good weather again")
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.weather, bad)
	g.calm = g.now()
}

// pauseOf pauses one gate's process, or its whole machine.
func pauseOf(machine bool) func(*world, *stream, time.Duration) {
	return func(w *world, draw *stream, length time.Duration) {
		if g := w.anyGate(draw); g != nil {
			g.stop(machine, length)
		}
	}
}

// stop stops the gate's process for a time, or its whole machine.
func (g *gate) stop(machine bool, length time.Duration) {
	g.trace.add(g.name, "is stopped for %v", length)
	g.pause()
	if machine {
		g.clock.suspend()
	}
	g.endure("stop", length)
	if machine {
		g.clock.wake()
	}
	g.trace.add(g.name, "continues")
	g.goOn()
}

// endure waits for the length of a fault plus a small random time. Many faults end with
// the last one. Without the random time, no seed would decide the order of events at that
// instant.
func (g *gate) endure(fault string, length time.Duration) {
	g.sleep(length)
	g.sleep(g.drawFor(g.name+fault+" is over").between(1, 10*time.Microsecond))
}
