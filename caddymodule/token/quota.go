package token

import (
	"hash/maphash"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/store"
)

// quota bounds how many tokens of one subject push out others within a minute
// when the cache is full.
//
// Attack: one account, and an issuer that gives it a new token as often as it asks.
// All of them are genuine, and ristretto lets in a token that nobody has asked for
// before where one in the cache was not asked for more often lately. With one of
// them for each request of all others together, the cache answered 87 % of those;
// with five, 35 %.
//
// It costs no memory for a subject: those whose hash is the same share their part.
// A token that is not let in is verified again, and no more.
type quota struct {
	seed maphash.Seed
	most uint32
	// parts hold the minute in their upper half, and in the lower one how many
	// tokens were let in since it began.
	parts [4096]atomic.Uint64
}

// newQuota returns the quota of a cache of so many bytes: a subject may push out
// the 64th part of it in a minute.
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
