package simulation

import "time"

// skew counts the wall clocks that are wrong by days: those of gates or that of the
// server, never both. The world's mu guards it.
type skew struct{ gates, server int }

// nudges set wall clocks by less than the permitted difference between gates.
var nudges = []fault{
	{"a small step of a gate's clock", func(w *world, draw *stream, _ time.Duration) {
		if g := w.anyGate(draw); g != nil {
			g.setOff(draw.between(-w.apart, w.apart))
		}
	}},
	{"a small step of the server's clock", func(w *world, draw *stream, _ time.Duration) {
		w.setServerOff(draw.between(-w.apart, w.apart))
	}},
}

// daysOff set wall clocks by hours and days.
var daysOff = []fault{
	{"a gate's clock that is days off", func(w *world, draw *stream, length time.Duration) {
		defer w.skewGates()()
		g := w.anyGate(draw)
		if g == nil || !w.maySkewGates() {
			return
		}
		g.setOff(w.off(draw))
		w.spend(length)
		if draw.chance(0.3) { // it restarts with the wrong clock
			off := g.clock.off()
			g.leave()
			w.spend(draw.between(1, w.lease))
			if g = w.joinOff(off); g == nil {
				return
			}
			w.spend(length)
		}
		g.setOff(draw.between(-w.apart, w.apart))
	}},
	{"a gate whose clock is wrong at its start", func(w *world, draw *stream, length time.Duration) {
		defer w.skewGates()()
		if !w.maySkewGates() || len(w.livingGates()) > 5 {
			return
		}
		off := w.off(draw)
		if draw.chance(0.5) { // the others have forgotten revocations of tokens that the new gate accepts
			w.lose()
			w.server().Flush()
			w.spend(draw.between(1, 2*w.lease))
			off %= 6 * time.Hour
		}
		if g := w.joinOff(off); g != nil {
			w.spend(length)
			g.setOff(draw.between(-w.apart, w.apart))
		}
	}},
	{"a loss while clocks of gates are days off", func(w *world, draw *stream, length time.Duration) {
		defer w.skewGates()()
		if !w.maySkewGates() {
			return
		}
		by := w.off(draw)
		for _, g := range w.livingGates() {
			g.setOff(by)
		}
		w.spend(min(length, draw.between(1, w.lease)))
		end := w.serverFault()
		w.lose()
		w.server().Flush()
		end()
		w.spend(min(length, draw.between(1, 2*w.lease)))
		for _, g := range w.livingGates() {
			g.setOff(draw.between(-w.apart, w.apart))
		}
		if len(w.livingGates()) < 6 {
			w.join()
		}
	}},
	{"a revocation at a gate whose clock is days off", func(w *world, draw *stream, length time.Duration) {
		defer w.skewGates()()
		g := w.anyGate(draw)
		if g == nil || !w.maySkewGates() {
			return
		}
		g.setOff(w.off(draw))
		g.invalidate(w.newToken().revocation(draw, time.Now()))
		w.spend(length)
		g.setOff(draw.between(-w.apart, w.apart))
	}},
}

// serverDaysOff sets the server's wall clock by hours and days.
var serverDaysOff = []fault{
	{"a server's clock that is days off", func(w *world, draw *stream, length time.Duration) {
		if !w.skewServer() {
			return
		}
		w.setServerOff(w.off(draw))
		w.spend(length)
		w.setServerOff(draw.between(-w.apart, w.apart))
		w.mu.Lock()
		defer w.mu.Unlock()
		w.skew.server--
	}},
}

// ahead, behind and either draw the error of a clock. It is longer than an expired entry
// stays on the revocation log.
func ahead(draw *stream) time.Duration  { return draw.between(131*time.Minute, 72*time.Hour) }
func behind(draw *stream) time.Duration { return -ahead(draw) }
func either(draw *stream) time.Duration {
	return pick(draw, []func(*stream) time.Duration{ahead, behind})(draw)
}

// skewGates records that clocks of gates may be wrong, and returns a function that ends
// it.
func (w *world) skewGates() (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.skew.gates++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.skew.gates--
	}
}

// maySkewGates reports whether the server's clock is right.
func (w *world) maySkewGates() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.skew.server == 0
}

// skewServer records that the server's clock is wrong. It reports false if a clock of a
// gate may be wrong.
func (w *world) skewServer() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.skew != (skew{}) {
		return false
	}
	w.skew.server++
	return true
}

// setOff sets the wall clock so that it is wrong by off.
func (g *gate) setOff(off time.Duration) {
	g.trace.add(g.name, "its wall clock is off by %v", off)
	g.clock.set(off - g.clock.off())
}

// setServerOff is setOff for the server.
func (w *world) setServerOff(off time.Duration) {
	w.trace.add("", "the server's wall clock is off by %v", off)
	s := w.server()
	s.StepClock(off - time.Until(s.Now()))
}
