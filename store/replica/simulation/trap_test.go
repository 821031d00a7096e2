package simulation

import "time"

// traps wait for the moment at which something else does most harm.
var traps = []fault{
	{"an ambush", strike},
	{"an ambush", strike},
	{"an ambush", strike},
	{"a coup", coup},
	{"a late goodbye", lateGoodbye},
	{"a slow revocation", slowRevocation},
}

// coup is an ambush at an entry: before any other gate has read it the log loses
// it, and the gate that it came from is stopped until its waiting must be over.
func coup(w *world, draw *stream, length time.Duration) {
	defer w.serverFault()()
	dump := w.server().Dump()
	blind := weather{on: reading, loseReply: 1}
	for _, g := range w.livingGates() {
		w.wait.Go(func() { g.suffer(&blind, min(w.lease/4, w.faulty-w.now())) })
	}
	g := w.lie("Publish", min(w.lease/4, w.faulty-w.now()))
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
	w.sleep(draw.between(1, 2*time.Millisecond)) // it hears that the entry is on the log
	g.stop(draw.chance(0.5), min(max(length, draw.between(w.lease, 2*w.lease)), w.faulty-w.now()))
}

// lateGoodbye stops a gate until another takes it off the list, and has it do so once
// more when it is back.
func lateGoodbye(w *world, draw *stream, length time.Duration) {
	victim := w.anyGate(draw)
	if victim == nil {
		return
	}
	echo := weather{on: asking, twice: 1}
	for _, g := range w.livingGates() {
		if g != victim {
			w.wait.Go(func() { g.suffer(&echo, min(5*w.lease/2, w.faulty-w.now())) })
		}
	}
	victim.stop(draw.chance(0.5), min(draw.between(w.lease, 3*w.lease/2), w.faulty-w.now()))
	w.strikeAfter(gone, draw, length)
}

// slowRevocation has sessions revoked at a gate whose requests are long on their
// way. Meanwhile another gate sends its last heartbeat for longer than a lease.
func slowRevocation(w *world, draw *stream, _ time.Duration) {
	g := w.anyGate(draw)
	if g == nil || !g.runs() {
		return
	}
	slow := weather{on: asking, delay: w.lease / 4}
	w.wait.Go(func() { g.suffer(&slow, min(w.lease/2, w.faulty-w.now())) })
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
	victim := w.lie("Heartbeat", min(w.lease/4, w.faulty-w.now()))
	if victim == nil || victim == g {
		return
	}
	w.sleep(time.Millisecond) // it hears the answer
	cut := weather{loseRequest: 1, loseReply: 1}
	victim.suffer(&cut, min(5*w.lease/4, w.faulty-w.now()))
}
