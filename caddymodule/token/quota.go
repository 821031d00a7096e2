package token

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/store"
)

// quota bounds how many tokens of one subject push out others within a minute
// when the cache is full.
//
// Attack: an account gets a new token from its issuer as often as it asks. All of them are
// good, and ristretto prefers a new token to a cached one that was not used more often lately.
// With one such token for each request of all other users together, the cache answered 87 % of
// those requests; with five, 35 %.
//
// To admit a token only when it is used for the second time stops an attacker who uses each
// token once. With tokens used twice, the cache then answered 35 %, and with the quota 89 % at
// least.
//
// A subject costs no memory: subjects with the same hash share a part. A token that is not
// admitted to the cache is verified again at its next request, and nothing else.
type quota struct {
	seed maphash.Seed
	most uint32
	// parts hold the minute in their upper half, and in the lower half the number of
	// tokens that were admitted in it.
	parts [4096]atomic.Uint64
}

// newQuota returns the quota of a cache of this size in bytes: the tokens of a subject may push
// out the 64th part of it in a minute.
func newQuota(bytes int64) *quota {
	return &quota{seed: maphash.MakeSeed(), most: uint32(max(1, bytes/usualSize/64))}
}

// take reports whether one more token of a subject may push out others at the
// Unix second now. Tokens without a subject cannot be told apart, and may.
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
