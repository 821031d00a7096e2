package simulation

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

var (
	errRefused = errors.New("connection refused")
	errCrashed = errors.New("the process is gone")
)

// weather is the state of the link between a gate and the server.
type weather struct {
	on          connection
	delay       time.Duration // maximum in one direction
	loseRequest float64       // probability
	loseReply   float64
	twice       float64
	refused     bool
}

// connection is one of a gate's two connections to the server. Reads of the revocation log
// have their own connection.
type connection uint8

const (
	both connection = iota
	reading
	asking
)

// carries reports whether the connection carries calls of the method.
func (c connection) carries(method string) bool {
	return c == both || (c == reading) == (method == "Read")
}

// trip is the plan for one call.
type trip struct {
	draw        *stream
	there, back time.Duration // without the weather
	again       time.Duration // delay of a second delivery, or zero
}

// plan draws the trip of a call, independently of the weather.
func (g *gate) plan(call model.Call) trip {
	name := g.name + call.Method
	if revocations, ok := call.Argument.([]store.Revocation); ok {
		name += string(revocations[0].Key[:]) // two revocations may be sent at one moment
	}
	draw := g.drawFor(name)
	return trip{
		draw:  draw,
		there: draw.between(20*time.Microsecond, time.Millisecond),
		back:  draw.between(20*time.Microsecond, time.Millisecond),
		again: draw.between(time.Microsecond, g.lease),
	}
}

// drawFor returns a stream for the gate's next action. A second action at the same moment
// gets another stream. Otherwise both would end at one moment, and no seed would decide
// their order.
func (g *gate) drawFor(name string) *stream {
	now := g.now()
	g.mu.Lock()
	if g.drawn != now {
		g.drawn, g.draws = now, make(map[string]int)
	}
	g.draws[name]++
	name += strconv.Itoa(g.draws[name])
	g.mu.Unlock()
	return g.at(name, now)
}

// forecast returns the gate's current weather for a method, with all faults combined.
func (g *gate) forecast(method string) (all weather) {
	if g.large && method == "Merge" && g.now() < g.faulty {
		all.delay = g.lease / 9 // less than a gate allows for one merge
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for w := range g.weather {
		if !w.on.carries(method) {
			continue
		}
		all.delay = max(all.delay, w.delay)
		all.loseRequest = max(all.loseRequest, w.loseRequest)
		all.loseReply = max(all.loseReply, w.loseReply)
		all.twice = max(all.twice, w.twice)
		all.refused = all.refused || w.refused
	}
	return all
}

// refuse is the answer of a server that does not listen. The client tries for a while
// first.
func (w *world) refuse() answer {
	w.sleep(w.dial)
	return answer{err: errRefused}
}

// answer is the result of one call.
type answer struct {
	reply any
	err   error
}

// carry implements the link of a gate. It takes a call to the server and the answer back.
// A paused process neither sends nor receives. Requests that it sent before still arrive,
// even if it has given up waiting.
func (g *gate) carry(ctx context.Context, call model.Call, deliver model.Deliver) (any, error) {
	if !g.awaitTurn(call) {
		return nil, errCrashed
	}
	came := make(chan answer, 1)
	if g.forecast(call.Method).refused {
		g.calls.Go(func() { came <- g.refuse() })
	} else {
		t := g.plan(call)
		g.calls.Go(func() { g.travel(t, call, deliver, came) })
	}
	var a answer
	select {
	case a = <-came:
	case <-ctx.Done():
		a.err = fmt.Errorf("no answer: %w", ctx.Err())
	}
	if !g.awaitTurn(call) {
		return nil, errCrashed
	}
	g.trace.call(g.name, call, a.reply, a.err)
	g.handleError(a.err)
	return a.reply, a.err
}

// awaitTurn is awaitRunning for one call. Delayed calls continue one by one, so that a
// seed gives the same run again.
func (g *gate) awaitTurn(call model.Call) bool {
	held := !g.runs()
	if !g.awaitRunning() {
		return false
	}
	if held {
		g.sleep(g.drawFor(g.name+call.Method+" goes on").between(1, 10*time.Microsecond))
	}
	return true
}

// travel carries one request and its reply. The request suffers the weather of its
// departure, the reply that of its arrival.
func (g *gate) travel(t trip, call model.Call, deliver model.Deliver, came chan<- answer) {
	leaving := g.forecast(call.Method)
	if !g.sleep(t.there+t.draw.between(0, 1+leaving.delay)) || t.draw.chance(leaving.loseRequest) {
		return
	}
	if t.draw.chance(leaving.twice) {
		g.calls.Go(func() {
			if g.sleep(t.again) {
				g.arrive(t, call, deliver)
			}
		})
	}
	a, arrived := g.arrive(t, call, deliver)
	if !arrived || !g.sleep(t.back+g.transfer(a.reply)) {
		return
	}
	coming := g.forecast(call.Method)
	if g.sleep(t.draw.between(0, 1+coming.delay)) && !t.draw.chance(coming.loseReply) {
		came <- a
	}
}

// transfer returns how long a page of the revocation log is on its way because of its
// length.
func (w *world) transfer(reply any) (long time.Duration) {
	batch, read := reply.(store.Batch)
	if !read || w.bandwidth == 0 {
		return 0
	}
	const revocation = 24 // bytes
	for _, entry := range batch.Entries {
		long += time.Duration(revocation*len(entry.Revocations)) * time.Second / time.Duration(w.bandwidth)
	}
	return long
}

// arrive makes the server carry out a request as soon as the server runs.
func (g *gate) arrive(t trip, call model.Call, deliver model.Deliver) (answer, bool) {
	if !g.awaitServer(t.draw) {
		return answer{}, false
	}
	if g.serverRefuses() {
		return g.refuse(), true
	}
	g.oracle.wrote(call)
	reply, err := deliver(g.ctx)
	g.observe(g, call, reply)
	if call.Method == "Heartbeat" && g.replica.Status().Fenced && g.unnoticed() {
		return answer{}, false // it might get a lease without the lost revocations
	}
	return answer{reply, err}, g.occupy(reply) && g.awaitServer(t.draw)
}
