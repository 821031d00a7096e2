package tests

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// trafficLimit is how long a few requests may take.
const trafficLimit = 20 * time.Second

// traffic are clients of one gate that send guarded requests and revoke sessions
// until they are stopped, and note every answer that must not be.
type traffic struct {
	gate *harness.Gate
	over atomic.Bool
	wait sync.WaitGroup

	count    atomic.Int64 // requests that were sent
	ended    atomic.Int64 // sessions that were ended
	repeated atomic.Int64 // requests that had no answer at first

	mayBeAway atomic.Bool  // 503 is no fault
	away      atomic.Int64 // answers that were 503, then

	mu    sync.Mutex
	wrong []string
}

// startTraffic starts clients, each of which sends a good token of its own again
// and again, and one that revokes.
func startTraffic(t *testing.T, g *harness.Gate, good ...string) *traffic {
	t.Helper()
	c := &traffic{gate: g}
	for _, token := range good {
		c.wait.Go(func() {
			for !c.over.Load() {
				c.expect(200, "GET", "/", token)
			}
		})
	}
	c.wait.Go(func() {
		for i := 0; !c.over.Load(); i++ {
			c.revoke(fmt.Sprint("to be ended ", i))
		}
	})
	t.Cleanup(c.stop)
	return c
}

// revoke ends a session and checks that it is over from the 200 on.
func (c *traffic) revoke(id string) {
	token := c.gate.Token(session(id))
	c.expect(200, "GET", "/", token)
	if c.expect(200, "DELETE", endpoint, token) {
		c.expect(401, "GET", "/", token)
		c.expect(404, "DELETE", endpoint, token)
		c.expect(401, "GET", "/", token)
		c.ended.Add(1)
	}
}

// expect sends a request and reports whether the answer has this status.
func (c *traffic) expect(want int, method, path, token string) bool {
	got, err := c.send(method, path, token)
	c.count.Add(1)
	if err == nil && got.Status == want {
		return true
	}
	if c.mayBeAway.Load() && err == nil && got.Status == 503 {
		c.away.Add(1)
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf("%s %s: answered %d %s, want %d, error %v", method, path, got.Status, got.Body, want, err))
	return false
}

// send repeats a request that was not answered, as browsers do. Had a handler seen
// a DELETE the first time, the second would be answered 404.
func (c *traffic) send(method, path, token string) (answer harness.Answer, err error) {
	for range 3 {
		answer, err = c.gate.Try(method, path, harness.Bearer(token))
		if !harness.Unanswered(err) {
			break
		}
		c.repeated.Add(1)
	}
	return answer, err
}

// more waits until so many further requests were answered.
func (c *traffic) more(t *testing.T, requests int64) {
	t.Helper()
	from := c.count.Load()
	harness.Eventually(t, trafficLimit, "requests are answered", func() bool { return c.count.Load() >= from+requests })
}

// stop ends the clients and waits for them. It may be called again.
func (c *traffic) stop() {
	c.over.Store(true)
	c.wait.Wait()
}

// check stops the clients and fails the test for what went wrong.
func (c *traffic) check(t *testing.T) {
	t.Helper()
	c.stop()
	for i, wrong := range c.wrong {
		if i == 10 {
			t.Errorf("and %d more", len(c.wrong)-i)
			break
		}
		t.Error(wrong)
	}
	if c.ended.Load() == 0 || c.count.Load() == 0 {
		t.Errorf("%d requests and %d sessions ended, want some", c.count.Load(), c.ended.Load())
	}
}
