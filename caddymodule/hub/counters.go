package hub

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/streams"
	"github.com/sessiongate/sessiongate/store/replica"
)

// Counters count what hubs do. Hubs that follow one another share them, so that the counts go
// on. The zero Counters are ready. All methods may be called concurrently.
type Counters struct {
	// Replica counts failed calls for the revocation log, and repairs.
	Replica replica.Counters
	// Streams counts the running requests that were cut.
	Streams streams.Counters
	// Sessions and Tokens count the failed calls for sessions that were seen, and for tokens
	// that were learned.
	Sessions, Tokens atomic.Uint64

	mu sync.Mutex
	// hubs are in use. admitted and fenced are the sums of those that were closed.
	hubs     map[*Hub]bool
	admitted uint64
	fenced   time.Duration
}

// Admitted returns how many requests were admitted.
func (c *Counters) Admitted() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := c.admitted
	for h := range c.hubs {
		sum += h.admitted()
	}
	return sum
}

// Fenced returns for how long the hubs admitted nothing, from the first Open of each to its
// Close.
func (c *Counters) Fenced() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := c.fenced
	for h := range c.hubs {
		sum += h.fencedFor()
	}
	return sum
}

// join adds a hub, unless it is there.
func (c *Counters) join(h *Hub) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hubs == nil {
		c.hubs = make(map[*Hub]bool)
	}
	c.hubs[h] = true
}

// leave keeps the counts of a hub that will not change any more.
func (c *Counters) leave(h *Hub) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hubs[h] {
		delete(c.hubs, h)
		c.admitted, c.fenced = c.admitted+h.admitted(), c.fenced+h.fencedFor()
	}
}

func (h *Hub) admitted() uint64 {
	if !h.isOpen.Load() {
		return 0
	}
	return h.running.Entered()
}

// fencedFor returns for how long the hub admitted nothing. Until the store is open that is all
// the time: it is damaged.
func (h *Hub) fencedFor() time.Duration {
	if began := h.damaged.Load(); began != nil && !h.isOpen.Load() {
		return time.Since(*began)
	}
	return h.Status().FencedFor + h.waited
}
