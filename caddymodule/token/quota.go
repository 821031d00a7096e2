package token

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/store"
)

// quota limits how many tokens of one subject evict others within a minute when the cache
// is full.
//
// Attack: an account requests new tokens from its issuer all the time. All of them are
// valid, and ristretto prefers a new token to a cached token that was not used more often
// lately. With one such token for each request of all other users together, the cache
// answered 87 % of those requests; with five, 35 %.
//
// Admitting a token only at its second use stops an attacker who uses each token once. With
// tokens used twice, the cache then answered 35 %, and with the quota at least 89 %.
//
// A subject costs no memory: subjects with the same hash share a part. If the cache does
// not admit a token, the token is verified again at its next request. There is no other
// effect.
type quota struct {
	seed maphash.Seed
	most uint32
	// parts hold the minute in their upper half, and in the lower half the number of
	// tokens that were admitted in it.
	parts [4096]atomic.Uint64
}

// newQuota returns the quota of a cache of this size in bytes. In a minute, the tokens of a
// subject may evict a 64th of the cache.
func newQuota(bytes int64) *quota {
	return &quota{seed: maphash.MakeSeed(), most: uint32(max(1, bytes/usualSize/64))}
}

// take reports whether one more token of a subject may evict others at the Unix second now.
// Tokens without a subject cannot be distinguished, and may.
func (q *quota) take(subject store.Key, now int64) bool {
	if subject.IsZero() {
		return true
	}
	part := &q.parts[maphash.Comparable(q.seed, subject)%uint64(len(q.parts))]
	minute := uint64(uint32(now/60)) << 32
	for {
		old := part.Load()
		taken := uint32(old)
		if old-uint64(taken) != minute {
			taken = 0
		}
		if taken >= q.most {
			return false
		}
		if part.CompareAndSwap(old, minute|uint64(taken+1)) {
			return true
		}
	}
}
