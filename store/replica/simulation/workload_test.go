package simulation

import (
	"context"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// request sends clients' requests to every gate until the run ends. Some have recently
// revoked tokens, others random ones.
func (w *world) request() {
	draw := w.of("requests")
	for w.sleep(draw.between(time.Millisecond, w.pace.requests)) {
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

// tryPromises sends requests with tokens that no gate may admit.
func (g *gate) tryPromises() {
	if !g.started() {
		return
	}
	draw := g.stream("tries", g.number)
	tokens := g.allTokens()
	for _, p := range g.oracle.latest(draw) {
		t := p.try(tokens, draw)
		if t == nil || !g.runs() {
			continue
		}
		if stall := draw.between(time.Microsecond, 2*g.lease); draw.chance(0.02) {
			g.wait.Go(func() { g.serveWithStall(t, stall) })
		}
		g.serve(t, 0)
	}
}

// serve is one request. The process may be slow, or be stopped, between reading the clock
// and deciding.
func (g *gate) serve(t *token, pause time.Duration) {
	ask := g.ask(t)
	if pause > 0 && (!g.sleep(pause) || !g.awaitRunning()) {
		return
	}
	if g.verifies(t, ask.instant) {
		g.oracle.judge(ask, g.replica.Check(g.keysOf(t), ask.instant))
	}
}

// serveWithStall is a request whose process is stopped while it decides. The wall clock
// was just set, so the gate must read the boot time as well.
func (g *gate) serveWithStall(t *token, stall time.Duration) {
	ask := g.ask(t)
	if !g.verifies(t, ask.instant) {
		return
	}
	ask.instant.Wall += int64(time.Hour)
	g.clock.stallNext(stall)
	verdict := g.replica.Check(g.keysOf(t), ask.instant)
	g.clock.stallNext(0)
	if g.awaitRunning() {
		g.oracle.judge(ask, verdict)
	}
}

// request is a request that began at a gate.
type request struct {
	gate    *gate
	token   *token
	started moment
	instant replica.Instant
	stale   bool // max_staleness allowed an old set to admit then
}

func (g *gate) ask(t *token) request {
	return request{g, t, g.moment(), g.clock.Now(), g.configured().staleness > 0}
}

// keysOf returns the keys of a token from this gate's cache.
func (g *gate) keysOf(t *token) *store.Keys {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.keys[t] == nil {
		g.keys[t] = t.keys(g.config.leeway)
	}
	return g.keys[t]
}

// revoke makes clients log out at random times until the run ends.
func (w *world) revoke() {
	draw := w.of("revocations")
	for w.sleep(draw.between(time.Millisecond, w.pace.revocations)) {
		tokens := w.allTokens()
		t, gates := tokens[max(0, len(tokens)-1-draw.below(24))], w.livingGates()
		if w.refreshes && draw.chance(0.5) {
			if t = pick(draw, tokens); draw.chance(0.7) {
				t = w.refresh(t)
			}
		}
		if w.logins && draw.chance(0.5) {
			t = w.login(pick(draw, tokens))
		}
		if draw.chance(0.5) {
			w.newToken()
		}
		if len(gates) == 0 {
			continue
		}
		g, r := pick(draw, gates), t.revocation(draw, time.Now())
		if draw.chance(0.05) {
			w.mention(r)
			r.Expires = g.expires()
			g.replica.RevokeLater(r) // a caller that needs no answer
			continue
		}
		first := r
		w.wait.Go(func() { g.invalidate(first) })
		if draw.chance(0.3) {
			again, later := pick(draw, gates), draw.between(time.Microsecond, 2*w.lease)
			if draw.chance(0.3) {
				r.Expires += int64(time.Hour / time.Second) // prolongs the first
			}
			w.wait.Go(func() {
				if w.sleep(later) && again.lives() {
					w.repeat(again, t, r)
				}
			})
		}
	}
}

// invalidate is one DELETE at a gate. A repeated call is answered 404, which promises as
// much as a 200.
func (g *gate) invalidate(r store.Revocation) bool {
	if !g.awaitRunning() {
		return false
	}
	g.mention(r)
	r.Expires = g.expires()
	began, halts := g.now(), g.halted()
	answer := "200"
	if g.replica.Repeats(r) {
		answer = "404"
	}
	// Calls that end at one instant are answered one after another.
	wayBack := g.at(g.name+string(r.Key[:]), began).between(1, time.Microsecond)
	err := g.replica.Revoke(context.Background(), r)
	took := g.now() - began
	if !g.awaitRunning() || !g.sleep(wayBack) {
		return false // no client got an answer
	}
	g.trace.add(g.name, "revoking %v %v took %v: %v", r.Kind, r.Key, took, err)
	if limit := 2*g.longest + time.Second; took > limit && g.halted() == halts {
		g.oracle.violate("a DELETE at %s took %v, want at most %v", g.name, took, limit)
	}
	if err != nil {
		g.oracle.fail()
		return false
	}
	if !g.waited(began) {
		return true // promises nothing about other gates
	}
	g.oracle.promise(r, answer+" by "+g.name, began)
	for _, other := range g.everyGate() {
		other.tryPromises()
	}
	return true
}
