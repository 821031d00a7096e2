package token

import (
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"time"
	"unsafe"

	"github.com/dgraph-io/ristretto/v2"
)

// The size of the cache of verified tokens, in bytes.
const (
	DefaultCacheBytes = 64 << 20
	MinCacheBytes     = 1 << 20
)

// cache keeps verified tokens by their raw text. It forgets whenever it likes
// and never holds the only copy of anything, least of all of a revocation.
type cache struct {
	// hash is keyed by a secret of this process, so that nobody can choose
	// tokens that collide.
	hash   func(raw string) uint64
	tokens *ristretto.Cache[uint64, *Verified]
	guards [16]guard
}

// guard keeps Close away from a cache in use: ristretto panics when a Set, or
// a Get that fills its buffer, meets Close. There are several, on cache lines
// of their own, so that requests with different tokens do not meet.
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
		// The cost given counts ristretto's own share too, and counts it whole.
		IgnoreInternalCost: true,
		// The key is a hash already. Collisions are told by comparing tokens.
		KeyToHash: func(hash uint64) (uint64, uint64) { return hash, 0 },
	})
	if err != nil {
		return nil, fmt.Errorf("creating token cache: %w", err)
	}
	seed := maphash.MakeSeed()
	return &cache{
		hash:   func(raw string) uint64 { return maphash.String(seed, raw) },
		tokens: tokens,
	}, nil
}

// get returns the verified token with exactly this raw text, or nil.
func (c *cache) get(hash uint64, raw string) *Verified {
	g := &c.guards[hash%uint64(len(c.guards))]
	g.RLock()
	defer g.RUnlock()
	if g.closed {
		return nil
	}
	t, ok := c.tokens.Get(hash)
	// A hash of 64 bits names a place, not a token: with the comparison left
	// out, a collision would hand one user's claims to another.
	if !ok || t.raw != raw {
		return nil
	}
	return t
}

// set offers a token to the cache. It may be dropped, and appears later.
func (c *cache) set(hash uint64, t *Verified, now int64) {
	g := &c.guards[hash%uint64(len(c.guards))]
	g.RLock()
	defer g.RUnlock()
	if g.closed {
		return
	}
	// The time to live only makes room early; checkTime decides on every hit.
	ttl := time.Duration(t.Keys.Expires-now) * time.Second
	c.tokens.SetWithTTL(hash, t, t.size(), ttl)
}

// close empties the cache and ends its goroutines. From then on get finds
// nothing and set does nothing.
func (c *cache) close() {
	for i := range c.guards {
		c.guards[i].Lock()
		defer c.guards[i].Unlock()
	}
	if !c.guards[0].closed {
		c.tokens.Close()
	}
	for i := range c.guards {
		c.guards[i].closed = true
	}
}

const (
	// usualSize is what a token of usual claims takes, in bytes.
	usualSize = 2 << 10
	// entrySize is what ristretto takes for an entry: its item, three map slots
	// (value, expiry, cost) at their usual load, and a share of its counters.
	entrySize = 192
	// textSize is the header of a string. Boxing a string takes another one.
	textSize = int64(unsafe.Sizeof(""))
)

// size is what the token takes in memory while it is cached, in bytes.
func (t *Verified) size() int64 {
	size := entrySize + allocated(int64(unsafe.Sizeof(*t))) + allocated(int64(len(t.raw))) +
		allocated(int64(len(t.Subject))) + allocated(int64(len(t.SessionID))) + allocated(int64(len(t.TokenID)))
	size += allocated(int64(cap(t.claims)) * 2 * textSize)
	for i := range t.claims {
		size += allocated(int64(len(t.claims[i].name))) + allocated(int64(len(t.claims[i].text)))
	}
	size += allocated(int64(cap(t.scopes)) * textSize)
	for _, scope := range t.scopes {
		size += allocated(int64(len(scope)))
	}
	return size + t.viewsSize()
}

// allocated is what the allocator takes for n bytes: its size classes waste an
// eighth at most.
func allocated(n int64) int64 { return (n + n/8 + 15) &^ 15 }

// own copies text, so that what is kept does not hold on to a whole request.
func own(text string) string { return strings.Clone(text) }
