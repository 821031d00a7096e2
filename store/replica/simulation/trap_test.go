package simulation

import "time"

// traps wait for the moment at which a fault does most harm.
var traps = []fault{
	{"an ambush", strike},
	{"an ambush", strike},
	{"an ambush", strike},
	{"the newest entry is lost", loseNewEntry},
	{"a late duplicate leave", lateDuplicateLeave},
	{"a slow revocation", slowRevocation},
}

// loseNewEntry is an ambush at a new entry. The revocation log loses the entry before any
// other gate has read it. The gate that published it is stopped until its wait must be
// over.
func loseNewEntry(w *world, draw *stream, length time.Duration) {
	defer w.serverFault()()
	dump := w.server().Dump()
	blind := weather{on: reading, loseReply: 1}
	for _, g := range w.livingGates() {
		w.wait.Go(func() { g.endureWeather(&blind, min(w.lease/4, w.faulty-w.now())) })
	}
	g := w.awaitCall("Publish", min(w.lease/4, w.faulty-w.now()))
	if g == nil {
		return
	}
	w.trace.add(g.name, "has its entry taken away")
	w.lose()
	switch log := w.server().Log(); {
	case draw.chance(0.3):
		w.server().Flush()
	case draw.chance(0.5) && len(log) > 0:
		w.server().DropEntry(log[len(log)-1].Position.Seq)
	default:
		w.server().Restore(dump)
	}
	w.sleep(draw.between(1, 2*time.Millisecond)) // it learns that the entry is published
	g.stop(draw.chance(0.5), min(max(length, draw.between(w.lease, 2*w.lease)), w.faulty-w.now()))
}

// lateDuplicateLeave stops a gate until another gate takes it off the list. That request
// is delivered once more when the gate is back.
func lateDuplicateLeave(w *world, draw *stream, length time.Duration) {
	victim := w.anyGate(draw)
	if victim == nil {
		return
	}
	echo := weather{on: asking, twice: 1}
	for _, g := range w.livingGates() {
		if g != victim {
			w.wait.Go(func() { g.endureWeather(&echo, min(5*w.lease/2, w.faulty-w.now())) })
		}
	}
	victim.stop(draw.chance(0.5), min(draw.between(w.lease, 3*w.lease/2), w.faulty-w.now()))
	w.strikeAfter(gone, draw, length)
}

// slowRevocation revokes sessions at a gate whose requests are slow. Meanwhile another
// gate is cut off for longer than a lease right after a heartbeat.
func slowRevocation(w *world, draw *stream, _ time.Duration) {
	g := w.anyGate(draw)
	if g == nil || !g.runs() {
		return
	}
	slow := weather{on: asking, delay: w.lease / 4}
	w.wait.Go(func() { g.endureWeather(&slow, min(w.lease/2, w.faulty-w.now())) })
	for range 4 {
		r := w.newToken().revocation(draw, time.Now())
		later := draw.between(1, w.lease/8)
		w.wait.Go(func() {
			if w.sleep(later) {
				g.invalidate(r)
			}
		})
	}
	w.sleep(draw.between(1, w.lease/8))
	victim := w.awaitCall("Heartbeat", min(w.lease/4, w.faulty-w.now()))
	if victim == nil || victim == g {
		return
	}
	w.sleep(time.Millisecond) // it gets the answer
	cut := weather{loseRequest: 1, loseReply: 1}
	victim.endureWeather(&cut, min(5*w.lease/4, w.faulty-w.now()))
}
