package faults

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Fault: Redis dies, or hangs, or comes back empty. Attack: cause that, to use a token
// while no gate can learn that it was revoked. After the lease nothing is admitted and
// nothing confirmed. When Redis is back, the gate still refuses the sessions that it holds
// as revoked.
func TestGateOutlivesItsRedis(t *testing.T) {
	const lease = time.Second
	for name, fault := range map[string]struct {
		begin, end func(*redistest.Server)
	}{
		"killed and empty afterwards": {(*redistest.Server).Stop, (*redistest.Server).Restart},
		"hanging":                     {(*redistest.Server).Freeze, (*redistest.Server).Thaw},
		"hanging, then killed": {(*redistest.Server).Freeze, func(redis *redistest.Server) {
			redis.Stop()
			redis.Restart()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			redis := redistest.Start(t)
			g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "outage"), App: "lease 1s"})
			live, revoked, tried := g.Token(harness.Session("lives on")), g.Token(harness.Session("revoked")), g.Token(harness.Session("tried"))
			harness.See(t, g, live, revoked, tried)
			answers.Invalidated.Check(t, harness.End(t, g, revoked))
			fault.begin(redis)
			checkFencedWithin(t, g, lease, live)
			answers.Unconfirmed.Check(t, harness.End(t, g, tried))
			answers.Unavailable.Check(t, harness.Get(t, g, revoked))
			fault.end(redis)
			back := time.Now()
			harness.Recovers(t, g, live)
			t.Logf("admits again %v after redis is back", time.Since(back).Round(time.Millisecond))
			answers.BadToken.Check(t, harness.Get(t, g, revoked))
			// The revocation that could not be confirmed held here at once. The gate
			// retried until Redis had it.
			answers.BadToken.Check(t, harness.Get(t, g, tried))
			if status := harness.End(t, g, tried).Status; status != 200 && status != 404 {
				t.Errorf("the DELETE is answered %d again", status)
			}
			answers.NoSession.Check(t, harness.End(t, g, tried))
			other := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "outage"), App: "lease 1s", Key: g.Key})
			answers.BadToken.Check(t, harness.Get(t, other, tried))
			for _, text := range []string{"the store does not answer; this gate refuses requests once its lease has expired", "the store answers again"} {
				if !strings.Contains(g.Logs(), text) {
					t.Errorf("the log does not say %q", text)
				}
			}
		})
	}
}

// checkFencedWithin fails the test if a request is admitted that begins a lease or more
// from now. The last answer of the store is older than that. A gate that refuses must not
// admit again.
func checkFencedWithin(t *testing.T, g *harness.Gate, lease time.Duration, token string) {
	t.Helper()
	since := time.Now()
	fenced := false
	for {
		began := time.Since(since)
		switch status := harness.StatusOf(t, g, token); {
		case status == 503:
			fenced = true
		case status != 200:
			t.Fatalf("answered %d", status)
		case fenced:
			t.Fatal("admitted after it was refused, while the store is away")
		case began > lease:
			t.Fatalf("admitted %v after the store went away, the lease is %v", began, lease)
		}
		if fenced && began > lease+lease/2 {
			return
		}
	}
}

// Attack, and fault: everything in Redis is deleted while requests and revocations are
// running, so that the revocation log holds no revocation.
func TestFlushedRedisRevivesNothing(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "flushed")})
	live := g.Token(harness.Session("lives on"))
	revoked := make([]string, 20)
	for i := range revoked {
		revoked[i] = g.Token(harness.Session("revoked " + string(rune('a'+i))))
		answers.Invalidated.Check(t, harness.End(t, g, revoked[i]))
	}
	clients := harness.StartTraffic(t, g, live, g.Token(harness.Session("two")))
	clients.MayBeAway.Store(true)
	for range 10 {
		redis.Do("FLUSHALL")
		for _, token := range revoked {
			if status := harness.StatusOf(t, g, token); status != 401 && status != 503 {
				t.Fatalf("a revoked session is answered %d", status)
			}
		}
		clients.More(t, 50)
	}
	harness.Recovers(t, g, live)
	ended := clients.Ended.Load()
	harness.Eventually(t, harness.TrafficLimit, "a session is ended after the last flush",
		func() bool { return clients.Ended.Load() > ended })
	clients.Check(t)
	t.Logf("10 times everything was deleted under %d requests, %d sessions ended, %d answers were 503",
		clients.Count.Load(), clients.Ended.Load(), clients.Away.Load())
	for _, token := range revoked {
		answers.BadToken.Check(t, harness.Get(t, g, token))
		answers.NoSession.Check(t, harness.End(t, g, token))
	}
}
