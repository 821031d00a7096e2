package fleet

import (
	"fmt"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// everyday is a fleet in ordinary operation, during which nobody must be logged out.
type everyday struct {
	redis         *redistest.Server
	config        harness.Config
	gates         []*harness.Gate
	live, revoked string // tokens from before
}

const everydayLease = 500 * time.Millisecond

// startEveryday starts two gates, and revokes a session at one of them.
func startEveryday(t *testing.T, options ...redistest.Option) *everyday {
	t.Helper()
	e := &everyday{redis: redistest.Start(t, options...)}
	e.config = harness.Config{
		Store: harness.Redis(e.redis.Addr(), "everyday"), Key: harness.NewKey(),
		App: "lease 500ms\nmax_token_lifetime 1h\nretention 1h\nleeway 1s",
	}
	a := e.joins(t)
	b := e.joins(t)
	e.live, e.revoked = a.Token(harness.Session("lives on")), a.Token(harness.Session("revoked"))
	harness.See(t, a, e.live)
	harness.See(t, b, e.live, e.revoked)
	answers.Invalidated.Check(t, harness.End(t, a, e.revoked))
	return e
}

func (e *everyday) joins(t *testing.T) *harness.Gate {
	t.Helper()
	g := harness.Start(t, e.config)
	e.gates = append(e.gates, g)
	return g
}

// checkNobodyLoggedOut waits until each gate admits. It fails the test if a gate has a
// floor, refuses a live token from before, or admits the revoked session.
func (e *everyday) checkNobodyLoggedOut(t *testing.T) {
	t.Helper()
	for _, g := range e.gates {
		harness.Eventually(t, 20*time.Second, "the gate answers by what it holds", func() bool { return harness.StatusOf(t, g, e.live) != 503 })
		harness.CheckAdmitted(t, harness.Get(t, g, e.live))
		answers.BadToken.Check(t, harness.Get(t, g, e.revoked))
		if got := operating.StateOf(t, g); got.Floor != 0 {
			t.Errorf("the gate refuses what was issued up to %v: %+v", time.Unix(got.Floor, 0), got)
		}
	}
}

// awaitAge waits until the last answer of the store has this age at each gate.
func (e *everyday) awaitAge(t *testing.T, age time.Duration) {
	t.Helper()
	for _, g := range e.gates {
		harness.Eventually(t, age+10*time.Second, fmt.Sprintf("the store is away for %v", age), func() bool {
			return operating.StateOf(t, g).LeaseAgeSeconds > age.Seconds()
		})
	}
}

// Fault: ordinary work of operators is mistaken for a loss, and every user has to log in
// again.
func TestOperatingAFleetLogsNobodyOut(t *testing.T) {
	t.Parallel()
	appendOnly := redistest.Config("appendonly yes", "appendfsync always")
	raised := "lease 500ms\nmax_token_lifetime 24h\nretention 24h\nleeway 1s"
	for name, c := range map[string]struct {
		happens func(t *testing.T, e *everyday)
		options []redistest.Option
	}{
		"a first start": {happens: func(*testing.T, *everyday) {}},
		"a rolling restart": {happens: func(t *testing.T, e *everyday) {
			for _, g := range e.gates {
				g.Restart()
				harness.CheckAdmitted(t, harness.Get(t, g, e.live))
			}
		}},
		"a rolling restart by kill -9": {happens: func(t *testing.T, e *everyday) {
			for _, g := range e.gates {
				g.Kill()
				g.Restart()
				harness.CheckAdmitted(t, harness.Get(t, g, e.live))
			}
		}},
		"Redis restarts by its append-only file after 10 s": {func(t *testing.T, e *everyday) {
			e.redis.Stop()
			e.awaitAge(t, 10*time.Second)
			e.redis.Restart()
		}, []redistest.Option{appendOnly}},
		"the fleet is scaled to zero, Redis restarts, and others start": {func(t *testing.T, e *everyday) {
			for _, g := range e.gates {
				g.Stop()
			}
			e.redis.Restart()
			e.gates = nil
			e.joins(t)
			e.joins(t)
		}, []redistest.Option{appendOnly}},
		"every gate is killed, Redis restarts, and others start": {func(t *testing.T, e *everyday) {
			for _, g := range e.gates {
				g.Kill()
			}
			e.redis.Restart()
			e.gates = nil
			e.joins(t)
		}, []redistest.Option{appendOnly}},
		"a retention is raised, and everything is deleted": {happens: func(t *testing.T, e *everyday) {
			e.config.App = raised
			harness.Load(t, e.gates[0], e.config)
			e.redis.Do("FLUSHALL")
			harness.Load(t, e.gates[1], e.config)
			e.joins(t)
		}},
		"everything is deleted, and a gate starts with a raised retention": {happens: func(t *testing.T, e *everyday) {
			e.redis.Do("FLUSHALL")
			e.config.App = raised
			e.joins(t)
		}},
		"the clock of Redis steps by a second, on and back": {func(t *testing.T, e *everyday) {
			for _, off := range []time.Duration{time.Second, 0, -time.Second, 0, time.Second, -time.Second} {
				e.redis.SetClock(off)
				for _, g := range e.gates {
					harness.Eventually(t, 10*time.Second, fmt.Sprintf("the gate has heard that the clock is off by %v", off), func() bool {
						return (operating.StateOf(t, g).ClockOffsetSeconds != 0) == (off != 0)
					})
				}
			}
		}, []redistest.Option{redistest.Clock(0)}},
		"Redis restarts, and its clock is a second behind": {func(t *testing.T, e *everyday) {
			e.redis.Stop()
			e.awaitAge(t, 2*everydayLease)
			e.redis.SetClock(-time.Second)
			e.redis.Restart()
		}, []redistest.Option{appendOnly, redistest.Clock(0)}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := startEveryday(t, c.options...)
			c.happens(t, e)
			e.checkNobodyLoggedOut(t)
			// The fleet still works: a new revocation is refused everywhere.
			token := e.gates[0].Token(harness.Session("later"))
			harness.See(t, e.gates[0], token)
			answers.Invalidated.Check(t, harness.End(t, e.gates[0], token))
			for _, g := range e.gates {
				if got := harness.Get(t, g, token); got.Status != 401 && got.Status != 503 {
					t.Errorf("after the 200 a gate answers %d", got.Status)
				}
			}
		})
	}
}

// Blue and green each have a namespace on one Redis. The green fleet begins empty, and the
// blue one may come back. Neither must read the other's state as a loss.
func TestBlueAndGreenLogNobodyOut(t *testing.T) {
	t.Parallel()
	blue := startEveryday(t)
	green := &everyday{redis: blue.redis, config: blue.config, live: blue.live}
	green.config.Store = harness.Redis(blue.redis.Addr(), "green")
	first := green.joins(t)
	green.joins(t)
	// A session that is revoked in one namespace is not revoked in the other.
	green.revoked = first.Token(harness.Session("revoked at green"))
	harness.See(t, first, green.revoked)
	answers.Invalidated.Check(t, harness.End(t, first, green.revoked))
	for _, g := range blue.gates {
		g.Stop()
	}
	green.checkNobodyLoggedOut(t)
	for _, g := range blue.gates {
		g.Restart()
	}
	for _, g := range green.gates {
		g.Kill()
	}
	blue.checkNobodyLoggedOut(t)
	harness.CheckAdmitted(t, harness.Get(t, blue.gates[0], green.revoked))
}
