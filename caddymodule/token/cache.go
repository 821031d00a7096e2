package token

import (
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/ristretto/v2"
)

// The size of the cache of verified tokens, in bytes.
const (
	DefaultCacheBytes = 64 << 20
	MinCacheBytes     = 1 << 20
)

// cache keeps verified tokens by their raw text. It may forget a token at any time, and holds
// nothing about revocations.
type cache struct {
	// hash is keyed by a secret of this process, so that an attacker cannot choose tokens
	// that collide.
	hash   func(raw string) uint64
	tokens *ristretto.Cache[uint64, *Verified]
	quota  *quota
	guards [guards]guard

	sweepAt atomic.Int64 // Unix seconds
	sweeps  sync.WaitGroup
	closing atomic.Bool
}

// guards is how many guards a cache has.
const guards = 16

// guard keeps Close away from a cache in use: ristretto panics if Close is called during a Set,
// or during a Get that fills its buffer. There are several, on cache lines of their own, so
// that requests with different tokens do not wait for each other.
type guard struct {
	sync.RWMutex
	closed bool
	_      [64]byte
}

func newCache(bytes int64) (*cache, error) {
	if bytes == 0 {
		bytes = DefaultCacheBytes
	}
	if bytes < MinCacheBytes {
		return nil, fmt.Errorf("creating token cache: %d bytes, want %d or more", bytes, MinCacheBytes)
	}
	tokens, err := ristretto.NewCache(&ristretto.Config[uint64, *Verified]{
		// Ten counters for every token of the usual size, as ristretto advises.
		NumCounters: 10 * bytes / usualSize,
		MaxCost:     bytes,
		BufferItems: 64,
		// The cost of a token includes ristretto's own memory.
		IgnoreInternalCost: true,
		// The key is already a hash. get detects collisions by comparing tokens.
		KeyToHash: func(hash uint64) (uint64, uint64) { return hash, 0 },
	})
	if err != nil {
		return nil, fmt.Errorf("creating token cache: %w", err)
	}
	seed := maphash.MakeSeed()
	return &cache{
		hash:   func(raw string) uint64 { return maphash.String(seed, tail(raw)) },
		tokens: tokens,
		quota:  newQuota(bytes),
	}, nil
}

// tail returns the part of a token that is hashed: the end of its signature, in which two
// valid tokens differ. A different text with the same end fails the comparison of the whole
// tokens.
func tail(raw string) string { return raw[max(0, len(raw)-48):] }

// get returns the verified token with exactly this raw text, or nil.
func (c *cache) get(hash uint64, raw string) *Verified {
	g := &c.guards[hash%uint64(len(c.guards))]
	g.RLock()
	defer g.RUnlock()
	if g.closed {
		return nil
	}
	t, ok := c.tokens.Get(hash)
	// Compare the whole text: two tokens may have the same hash, and one user would get
	// the claims of another.
	if !ok || t.raw != raw {
		return nil
	}
	return t
}

// set adds a token to the cache. The cache may drop it, and returns it only some time later.
//
// The token has no time to live: with one, ristretto reads the clock on every Get, which costs
// a quarter of a hit. sweep makes room instead.
func (c *cache) set(hash uint64, t *Verified, now int64) {
	g := &c.guards[hash%uint64(len(c.guards))]
	g.RLock()
	defer g.RUnlock()
	if g.closed {
		return
	}
	if size := t.size(); c.tokens.RemainingCost() >= size || c.quota.take(t.Keys.Subject, now) {
		c.tokens.Set(hash, t, size)
	}
	if due := c.sweepAt.Load(); now >= due && c.sweepAt.CompareAndSwap(due, now+sweepEvery) {
		c.sweeps.Go(func() { c.sweep(now) })
	}
}

// sweepEvery is the shortest time between two sweeps, in seconds.
const sweepEvery = 60

// sweep removes the tokens that have expired by now. It only makes room: each hit checks again
// whether the token has expired.
func (c *cache) sweep(now int64) {
	var expired []uint64
	c.tokens.IterValues(func(t *Verified) (stop bool) {
		if now >= t.Keys.Expires {
			expired = append(expired, c.hash(t.raw))
		}
		return c.closing.Load()
	})
	for _, hash := range expired {
		if c.closing.Load() {
			return
		}
		c.tokens.Del(hash)
	}
}

// close empties the cache and ends its goroutines. After it, get finds nothing and set does
// nothing.
func (c *cache) close() {
	for i := range c.guards {
		c.guards[i].Lock()
		defer c.guards[i].Unlock()
		c.guards[i].closed = true
	}
	if c.closing.Swap(true) {
		return
	}
	c.sweeps.Wait()
	c.tokens.Close()
}
