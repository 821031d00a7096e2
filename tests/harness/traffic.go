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

// Traffic is a set of clients of one gate. They send guarded requests and revoke sessions
// until they are stopped, and record every forbidden answer.
type Traffic struct {
	gate *Gate
	over atomic.Bool
	wait sync.WaitGroup

	Count    atomic.Int64 // sent requests
	Ended    atomic.Int64 // revoked sessions
	Repeated atomic.Int64 // requests without an answer at first

	MayBeAway atomic.Bool  // whether 503 is allowed
	Away      atomic.Int64 // answers 503, if they are allowed

	mu    sync.Mutex
	wrong []string
}

// StartTraffic starts clients that send a valid token each again and again, and one client
// that revokes.
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

// revoke revokes a session and checks that it is refused after the 200.
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

// send repeats a request that was not answered, as browsers do. If a handler had seen a
// DELETE the first time, the second would be answered 404.
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

// More waits until this many further requests were answered.
func (c *Traffic) More(t *testing.T, requests int64) {
	t.Helper()
	from := c.Count.Load()
	Eventually(t, TrafficLimit, "requests are answered", func() bool { return c.Count.Load() >= from+requests })
}

// Stop stops the clients and waits for them. It may be called again.
func (c *Traffic) Stop() {
	c.over.Store(true)
	c.wait.Wait()
}

// Check stops the clients and fails the test for forbidden answers.
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
