package chaos

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"testing"
	"time"
)

const (
	// readers and revokers are the numbers of clients: of readers at each gate, and of
	// revokers in all. If a DELETE may have to wait for a lease, there are revokersFactor
	// times more revokers.
	readers, revokers, revokersFactor = 2, 3, 5
	// readEvery and revokeEvery are how often a client sends, if the answers arrive.
	readEvery, revokeEvery = 4 * time.Millisecond, 15 * time.Millisecond
	// pool is the number of live sessions.
	pool = 50
	// logInEvery is how often a user logs in again in a session that has ended, passed how
	// long ago: its instant is in the past then.
	logInEvery, passed = 500 * time.Millisecond, 3 * time.Second
	// bursts is how many requests may run at once after promises.
	bursts = 60
)

// Traffic is a set of clients. They use, end and try to use sessions at all gates until
// they are stopped.
type Traffic struct {
	fleet  *Fleet
	stop   context.CancelFunc
	wait   sync.WaitGroup
	bursts chan struct{} // holds a value for each running burst

	mu    sync.Mutex
	live  []Session // nobody has tried to end these
	tried []Session // their DELETE was not confirmed
	ended []Session
	// past are ended sessions in which nobody has logged in again, with the instants after
	// which somebody may.
	past []pastSession

	Figures Figures
}

// StartTraffic starts clients. They end with the test at the latest.
func StartTraffic(tb testing.TB, f *Fleet) *Traffic {
	tb.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := &Traffic{fleet: f, stop: stop, bursts: make(chan struct{}, bursts)}
	for range pool {
		c.live = append(c.live, f.NewSession())
	}
	for gate := range f.Gates {
		for range readers {
			c.wait.Go(func() { every(ctx, readEvery, func() { c.read(gate) }) })
		}
	}
	revoking := revokers
	if f.mixed {
		revoking *= revokersFactor
	}
	for range revoking {
		caller := f.NewSession()
		c.wait.Go(func() { every(ctx, revokeEvery, func() { c.revoke(ctx, caller) }) })
	}
	c.wait.Go(func() { every(ctx, logInEvery, c.logIn) })
	tb.Cleanup(c.Stop)
	return c
}

// pastSession is an ended session.
type pastSession struct {
	Session
	from time.Time
}

// Stop stops the clients and waits for them. It may be called again.
func (c *Traffic) Stop() {
	c.stop()
	c.wait.Wait()
}

// every repeats a function until ctx ends.
func every(ctx context.Context, pause time.Duration, do func()) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for await(ctx.Done(), tick.C) {
		do()
	}
}

// read sends a request: of a live session, or, as a thief would, of a session that has
// ended or may have ended.
func (c *Traffic) read(gate int) {
	c.mu.Lock()
	from := [][]Session{c.live, c.live, c.tried, last(c.ended, pool), c.ended}[rand.IntN(5)]
	if len(from) == 0 {
		from = c.live
	}
	s := from[rand.IntN(len(from))]
	c.mu.Unlock()
	c.request(gate, s)
}

func (c *Traffic) request(gate int, s Session) {
	c.Figures.request(c.fleet.Request(gate, s))
}

func last(sessions []Session, n int) []Session { return sessions[max(0, len(sessions)-n):] }

// revoke ends a session at some gate, and then tries it at once at every gate.
func (c *Traffic) revoke(ctx context.Context, caller Session) {
	s, gate := c.choose(), rand.IntN(len(c.fleet.Gates))
	var reply Reply
	if rand.IntN(6) == 0 {
		c.burst(func() { c.again(s) }) // in another window, at the same time
	}
	if own := rand.IntN(4) != 0; own {
		reply = c.fleet.End(gate, s)
	} else {
		c.request(gate, s) // the gate has to know the session
		reply = c.fleet.EndBy(gate, caller, s)
		if reply.Status == http.StatusNotFound {
			reply.Status = unavailable
		}
	}
	c.Figures.delete(reply)
	promised := reply.Promises()
	c.settle(s, promised)
	if !promised || ctx.Err() != nil {
		return
	}
	for i := range c.fleet.Gates {
		c.burst(func() { c.request(i, s) })
	}
	if rand.IntN(3) == 0 {
		c.burst(func() { c.again(s) })
	}
}

// again repeats a DELETE at some gate, and tries the session at every gate: the 404 of a
// repeat promises the same as a 200.
func (c *Traffic) again(s Session) {
	c.Figures.delete(c.fleet.End(rand.IntN(len(c.fleet.Gates)), s))
	for gate := range c.fleet.Gates {
		c.request(gate, s)
	}
}

// choose takes a live session out of the pool, or a session whose end is not confirmed yet.
func (c *Traffic) choose() Session {
	fresh := c.fleet.NewSession()
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.tried); n > 0 && rand.IntN(3) == 0 {
		i := rand.IntN(n)
		s := c.tried[i]
		c.tried[i] = c.tried[n-1]
		c.tried = c.tried[:n-1]
		return s
	}
	i := rand.IntN(len(c.live))
	s := c.live[i]
	c.live[i] = fresh
	c.fleet.Oracle.Tries(s.ID)
	return s
}

func (c *Traffic) settle(s Session, promised bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if promised {
		c.ended = append(c.ended, s)
		if len(c.past) < pool {
			c.past = append(c.past, pastSession{s, time.Now().Add(passed)})
		}
	} else {
		c.tried = append(c.tried, s)
	}
}

// logIn is a user who logs in again in an ended session, with a later `auth_time`. Old tokens
// of the session end nothing of that, and its own DELETE ends it. It may be refused: a gate with
// a wrong clock, or a lost log, revokes for longer.
//
// Attack: use the earlier login, or this one after its own end.
func (c *Traffic) logIn() {
	c.mu.Lock()
	if len(c.past) == 0 || time.Now().Before(c.past[0].from) {
		c.mu.Unlock()
		return
	}
	s := c.past[0].Session
	c.mu.Unlock()
	again, ok := c.fleet.LogIn(s)
	if !ok {
		return
	}
	c.mu.Lock()
	c.past = c.past[1:]
	c.mu.Unlock()
	c.fleet.Oracle.Tries(again.ID)
	all := func() {
		for gate := range c.fleet.Gates {
			c.Figures.login(c.fleet.Request(gate, again))
			c.request(gate, s)
		}
	}
	all()
	c.again(s)
	all()
	reply := c.fleet.End(rand.IntN(len(c.fleet.Gates)), again)
	c.Figures.delete(reply)
	c.settle(again, reply.Promises())
	for gate := range c.fleet.Gates {
		c.request(gate, again)
		c.request(gate, s)
	}
}

// burst runs a function in parallel to the client, unless too many are running.
func (c *Traffic) burst(do func()) {
	select {
	case c.bursts <- struct{}{}:
	default:
		return
	}
	c.wait.Go(func() {
		defer func() { <-c.bursts }()
		do()
	})
}
