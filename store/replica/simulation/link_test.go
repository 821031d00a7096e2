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

// weather is what the way between a gate and the server suffers from.
type weather struct {
	on          connection
	delay       time.Duration // longest, of one direction
	loseRequest float64       // how often
	loseReply   float64
	twice       float64
	refused     bool
}

// connection is which of the two that a gate has to the server: what waits for
// entries has one of its own.
type connection uint8

const (
	both connection = iota
	reading
	asking
)

// carries reports whether a call goes by the connection.
func (c connection) carries(method string) bool {
	return c == both || (c == reading) == (method == "Read")
}

// trip is what becomes of one call.
type trip struct {
	draw        *stream
	there, back time.Duration // without the weather
	again       time.Duration // a second delivery so much later, or zero
}

// plan draws what becomes of a call in any weather.
func (g *gate) plan(call model.Call) trip {
	name := g.name + call.Method
	if revocations, ok := call.Argument.([]store.Revocation); ok {
		name += string(revocations[0].Key[:]) // two may be sent at one moment
	}
	draw := g.drawFor(name)
	return trip{
		draw:  draw,
		there: draw.between(20*time.Microsecond, time.Millisecond),
		back:  draw.between(20*time.Microsecond, time.Millisecond),
		again: draw.between(time.Microsecond, g.lease),
	}
}

// drawFor returns a stream for what a gate does now. What it does twice at one moment
// gets two, or both would end at one moment again, in an order that no seed decides.
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

// forecast is the weather for a call of the gate now, all faults together.
func (g *gate) forecast(method string) (all weather) {
	if g.large && method == "Merge" && g.now() < g.faulty {
		all.delay = g.lease / 9 // less than what a gate allows for one
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

// refuse is how a client finds that nobody listens. It tries for a while.
func (w *world) refuse() answer {
	w.sleep(w.dial)
	return answer{err: errRefused}
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
	g.hearFrom(a.err)
	return a.reply, a.err
}

// awaitTurn is awaitRunning for a call. Those that were held up go on one by one, so that
// a seed gives the same run again.
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

// travel is one request on its way, and its reply. Each suffers from the weather
// as it is near the gate: when the request leaves, and when the reply comes.
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

// transfer is how long a page of the log is on its way, by its length alone.
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

// arrive has the server carry out a request, as soon as it runs.
func (g *gate) arrive(t trip, call model.Call, deliver model.Deliver) (answer, bool) {
	if !g.awaitServer(t.draw) {
		return answer{}, false
	}
	if g.serverRefuses() {
		return g.refuse(), true
	}
	reply, err := deliver(g.ctx)
	g.observe(g, call, reply)
	if call.Method == "Heartbeat" && g.replica.Status().Fenced && g.unnoticed() {
		return answer{}, false // or it might get a lease without what was lost
	}
	return answer{reply, err}, g.labour(reply) && g.awaitServer(t.draw)
}
