package harness

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TrafficLimit is how long a few requests may take.
const TrafficLimit = 20 * time.Second

// Traffic are clients of one gate that send guarded requests and revoke sessions
// until they are stopped, and note every answer that must not be.
type Traffic struct {
	gate *Gate
	over atomic.Bool
	wait sync.WaitGroup

	Count    atomic.Int64 // requests that were sent
	Ended    atomic.Int64 // sessions that were ended
	Repeated atomic.Int64 // requests that had no answer at first

	MayBeAway atomic.Bool  // 503 is no fault
	Away      atomic.Int64 // answers that were 503, then

	mu    sync.Mutex
	wrong []string
}

// StartTraffic starts clients, each of which sends a good token of its own again
// and again, and one that revokes.
func StartTraffic(t *testing.T, g *Gate, good ...string) *Traffic {
	t.Helper()
	c := &Traffic{gate: g}
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
	t.Cleanup(c.Stop)
	return c
}

// revoke ends a session and checks that it is over from the 200 on.
func (c *Traffic) revoke(id string) {
	token := c.gate.Token(Session(id))
	c.expect(200, "GET", "/", token)
	if c.expect(200, "DELETE", Endpoint, token) {
		c.expect(401, "GET", "/", token)
		c.expect(404, "DELETE", Endpoint, token)
		c.expect(401, "GET", "/", token)
		c.Ended.Add(1)
	}
}

// expect sends a request and reports whether the answer has this status.
func (c *Traffic) expect(want int, method, path, token string) bool {
	got, err := c.send(method, path, token)
	c.Count.Add(1)
	if err == nil && got.Status == want {
		return true
	}
	if c.MayBeAway.Load() && err == nil && got.Status == 503 {
		c.Away.Add(1)
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wrong = append(c.wrong, fmt.Sprintf("%s %s: answered %d %s, want %d, error %v", method, path, got.Status, got.Body, want, err))
	return false
}

// send repeats a request that was not answered, as browsers do. Had a handler seen
// a DELETE the first time, the second would be answered 404.
func (c *Traffic) send(method, path, token string) (answer Answer, err error) {
	for range 3 {
		answer, err = c.gate.Try(method, path, Bearer(token))
		if !Unanswered(err) {
			break
		}
		c.Repeated.Add(1)
	}
	return answer, err
}

// More waits until so many further requests were answered.
func (c *Traffic) More(t *testing.T, requests int64) {
	t.Helper()
	from := c.Count.Load()
	Eventually(t, TrafficLimit, "requests are answered", func() bool { return c.Count.Load() >= from+requests })
}

// Stop ends the clients and waits for them. It may be called again.
func (c *Traffic) Stop() {
	c.over.Store(true)
	c.wait.Wait()
}

// Check stops the clients and fails the test for what went wrong.
func (c *Traffic) Check(t *testing.T) {
	t.Helper()
	c.Stop()
	for i, wrong := range c.wrong {
		if i == 10 {
			t.Errorf("and %d more", len(c.wrong)-i)
			break
		}
		t.Error(wrong)
	}
	if c.Ended.Load() == 0 || c.Count.Load() == 0 {
		t.Errorf("%d requests and %d sessions ended, want some", c.Count.Load(), c.Ended.Load())
	}
}
