package simulation

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

var (
	errRefused = errors.New("connection refused")
	errCrashed = errors.New("the process is gone")
)

// weather is what the way between a gate and the server suffers from.
type weather struct {
	delay       time.Duration // longest, of one direction
	loseRequest float64       // how often
	loseReply   float64
	twice       float64
	refused     bool
}

// trip is what becomes of one call.
type trip struct {
	there, back            time.Duration
	loseRequest, loseReply bool
	again                  time.Duration // a second delivery so much later, or zero
	refused                bool
}

// draw decides what becomes of a call.
func (g *gate) draw(call model.Call) trip {
	name := g.name + call.Method
	if revocations, ok := call.Argument.([]store.Revocation); ok {
		name += string(revocations[0].Key[:]) // two may be sent at one moment
	}
	s := g.at(name, g.now())
	w := g.forecast()
	t := trip{there: s.between(20*time.Microsecond, time.Millisecond), back: s.between(20*time.Microsecond, time.Millisecond)}
	t.there += time.Duration(float64(w.delay) * float64(s.between(0, time.Second)) / float64(time.Second))
	t.back += time.Duration(float64(w.delay) * float64(s.between(0, time.Second)) / float64(time.Second))
	t.loseRequest, t.loseReply = s.chance(w.loseRequest), s.chance(w.loseReply)
	if later := s.between(time.Microsecond, g.lease); s.chance(w.twice) {
		t.again = later
	}
	t.refused = w.refused
	return t
}

// forecast is the weather at the gate now, all faults together.
func (g *gate) forecast() (all weather) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for w := range g.weather {
		all.delay = max(all.delay, w.delay)
		all.loseRequest = max(all.loseRequest, w.loseRequest)
		all.loseReply = max(all.loseReply, w.loseReply)
		all.twice = max(all.twice, w.twice)
		all.refused = all.refused || w.refused
	}
	return all
}

// answer is what came back.
type answer struct {
	reply any
	err   error
}

// carry is the link of a gate: it takes a call to the server and the answer
// back. A process that is paused neither sends nor receives; what it had sent
// arrives all the same, also after it has given up.
func (g *gate) carry(ctx context.Context, call model.Call, deliver model.Deliver) (any, error) {
	if !g.awaitRunning() {
		return nil, errCrashed
	}
	t := g.draw(call)
	if t.refused {
		return nil, errRefused
	}
	came := make(chan answer, 1)
	g.calls.Go(func() { g.travel(t, call, deliver, came) })
	var a answer
	select {
	case a = <-came:
	case <-ctx.Done():
		a.err = fmt.Errorf("no answer: %w", ctx.Err())
	}
	if !g.awaitRunning() {
		return nil, errCrashed
	}
	g.trace.call(g.name, call, a.reply, a.err)
	return a.reply, a.err
}

// travel is one request on its way, and its reply.
func (g *gate) travel(t trip, call model.Call, deliver model.Deliver, came chan<- answer) {
	if !g.sleep(t.there) || t.loseRequest {
		return
	}
	if t.again > 0 {
		g.calls.Go(func() {
			if g.sleep(t.again) {
				g.arrive(call, deliver)
			}
		})
	}
	a, arrived := g.arrive(call, deliver)
	if !arrived || !g.sleep(t.back) || t.loseReply {
		return
	}
	came <- a
}

// arrive has the server carry out a request, as soon as it runs.
func (g *gate) arrive(call model.Call, deliver model.Deliver) (answer, bool) {
	if !g.awaitServer() {
		return answer{}, false
	}
	if g.serverRefuses() {
		return answer{err: errRefused}, true
	}
	reply, err := deliver(g.ctx)
	g.observe(g, call)
	return answer{reply, err}, g.awaitServer()
}
