package token

import "sync/atomic"

// Counters count what became of access tokens (Verify and VerifyWaiting). The zero Counters are
// ready. Verifiers that follow one another share them, so that the counts go on. All methods may
// be called concurrently.
type Counters struct {
	verified, refused atomic.Uint64
	hits              [guards]hitCounter
}

// hitCounter counts the hits behind one guard of a cache, on a cache line of its own. Every
// request pays for it.
type hitCounter struct {
	atomic.Uint64
	_ [56]byte
}

// Hits returns how many tokens were accepted because the cache knew them.
func (c *Counters) Hits() (sum uint64) {
	for i := range c.hits {
		sum += c.hits[i].Load()
	}
	return sum
}

// Verified returns how many tokens were accepted after their signature was verified.
func (c *Counters) Verified() uint64 { return c.verified.Load() }

// Refused returns how many tokens were not accepted: malformed, invalid or expired ones, and
// those whose keys were not available. It does not count revoked tokens, nor tokens that one
// site refuses.
func (c *Counters) Refused() uint64 { return c.refused.Load() }

// hit counts a hit of the token with this hash.
func (c *Counters) hit(hash uint64) { c.hits[hash%guards].Add(1) }
