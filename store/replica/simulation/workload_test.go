package simulation

import (
	"context"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// request has clients come with their tokens until the run ends: some with
// tokens that were revoked lately, at every gate, and some with any.
func (w *world) request() {
	draw := w.of("requests")
	for w.sleep(draw.between(time.Millisecond, w.lease/10)) {
		for _, g := range w.everyGate() {
			g.tryPromises()
			token, slow := pick(draw, w.allTokens()), draw.chance(0.05)
			pause := draw.between(time.Microsecond, 2*w.lease)
			switch {
			case !g.runs():
			case slow:
				w.wait.Go(func() { g.serve(token, pause) })
			default:
				g.serve(token, 0)
			}
		}
	}
}

// tryPromises comes to a gate with tokens that no gate may admit.
func (g *gate) tryPromises() {
	if !g.started() {
		return
	}
	draw := g.stream("tries", g.number)
	tokens := g.allTokens()
	for _, p := range g.oracle.latest(draw) {
		for _, t := range tokens {
			if !t.namedBy(p.revocation) || !g.runs() {
				continue
			}
			if stall := draw.between(time.Microsecond, 2*g.lease); draw.chance(0.02) {
				g.wait.Go(func() { g.serveHaltingly(t, stall) })
			}
			g.serve(t, 0)
			break
		}
	}
}

// serve is one request. The process may be slow, or be stopped, between looking
// at the clock and deciding.
func (g *gate) serve(t *token, pause time.Duration) {
	started := g.moment()
	instant := g.clock.Now()
	if pause > 0 && (!g.sleep(pause) || !g.awaitRunning()) {
		return
	}
	g.oracle.judge(g, t, started, g.replica.Check(g.keysOf(t), instant))
}

// serveHaltingly is a request whose process is stopped in the middle of deciding:
// the wall clock was just set, so that the boot time has to be read as well.
func (g *gate) serveHaltingly(t *token, stall time.Duration) {
	started := g.moment()
	instant := g.clock.Now()
	instant.Wall += int64(time.Hour)
	g.clock.stallNext(stall)
	verdict := g.replica.Check(g.keysOf(t), instant)
	g.clock.stallNext(0)
	if g.awaitRunning() {
		g.oracle.judge(g, t, started, verdict)
	}
}

// keysOf returns the keys of a token as this gate's cache holds them.
func (g *gate) keysOf(t *token) *store.Keys {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.keys[t] == nil {
		g.keys[t] = t.keys()
	}
	return g.keys[t]
}

// revoke has clients log out until the run ends, each in its own time.
func (w *world) revoke() {
	draw := w.of("revocations")
	for w.sleep(draw.between(time.Millisecond, 500*time.Millisecond)) {
		tokens := w.allTokens()
		t, gates := tokens[max(0, len(tokens)-1-draw.below(24))], w.livingGates()
		if draw.chance(0.5) {
			w.newToken()
		}
		if len(gates) == 0 || w.now() < time.Duration(w.quiet.Load()) {
			continue
		}
		g, r := pick(draw, gates), t.revocation(draw, time.Now())
		if draw.chance(0.05) {
			g.replica.Offer(r) // somebody who needs no answer
			continue
		}
		w.wait.Go(func() { g.invalidate(r) })
		if draw.chance(0.3) {
			again, later := pick(draw, gates), draw.between(time.Microsecond, 2*w.lease)
			w.wait.Go(func() {
				if w.sleep(later) && again.lives() {
					again.invalidate(r)
				}
			})
		}
	}
}

// invalidate is one DELETE at a gate.
//
// Rule R10 (DESIGN): a 404 says that the session is revoked everywhere already,
// and promises as much as a 200.
func (g *gate) invalidate(r store.Revocation) bool {
	if !g.awaitRunning() {
		return false
	}
	if !r.Kind.HasInstant() && g.replica.Acknowledged(r.Key) {
		g.trace.add(g.name, "404 for %v %v", r.Kind, r.Key)
		g.oracle.promise(r, "404 by "+g.name)
		return true
	}
	began, halts := g.now(), g.halted()
	// Calls that end together are answered one after another.
	wayBack := g.at(g.name+string(r.Key[:]), began).between(1, time.Microsecond)
	err := g.replica.Revoke(context.Background(), r)
	took := g.now() - began
	if !g.awaitRunning() || !g.sleep(wayBack) {
		return false // nobody was answered
	}
	g.trace.add(g.name, "revoking %v %v took %v: %v", r.Kind, r.Key, took, err)
	if limit := 2*g.lease + time.Second; took > limit && g.halted() == halts {
		g.oracle.violate("a DELETE at %s took %v, and may take %v", g.name, took, limit)
	}
	if err != nil {
		g.oracle.fail()
		return false
	}
	g.oracle.promise(r, "200 by "+g.name)
	for _, other := range g.everyGate() {
		other.tryPromises()
	}
	return true
}
