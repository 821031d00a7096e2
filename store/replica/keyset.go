package replica

import (
	"sync"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/store"
)

// shards is how many tables a keySet has. When one table grows, readers do not wait, and
// writers wait for a small part of the whole only.
const shards = 256

// keySet is a set of keys, each with the second at which it may be forgotten, and the instant
// up to which it revokes. Readers take no lock, and may read while one writer for each shard
// changes the set.
type keySet struct {
	// version changes once a new key, or a later instant, can be found. So a token that was
	// found clear at a version needs no second look while the version stays the same.
	version atomic.Uint64
	shards  [shards]shard
	count   atomic.Int64
	tokens  atomic.Int64 // those of count that are tokens
}

// shard is one table, and the lock of its writers.
type shard struct {
	table    atomic.Pointer[table]
	mu       sync.Mutex
	unlogged int // keys without markLogged; guarded by mu
}

// has reports whether the set holds k, up to any instant.
func (s *keySet) has(k store.Key) bool {
	w := wordOf(k)
	t := s.shards[w.shard()].table.Load()
	if t == nil {
		return false
	}
	_, found := t.find(w)
	return found
}

// revokes reports whether the set revokes a token of the session k whose subject
// authenticated at the second authTime; zero if the token does not say.
func (s *keySet) revokes(k store.Key, authTime int64) bool {
	w := wordOf(k)
	t := s.shards[w.shard()].table.Load()
	if t == nil {
		return false
	}
	i, found := t.find(w)
	if !found {
		return false
	}
	instant := t.instants[i].Load()
	return instant == forGood || authTime <= int64(instant)
}

// instant returns the instant of k, and whether the set holds k.
func (s *keySet) instant(k store.Key) (instant uint32, held bool) {
	w := wordOf(k)
	t := s.shards[w.shard()].table.Load()
	if t == nil {
		return 0, false
	}
	i, found := t.find(w)
	if !found {
		return 0, false
	}
	return t.instants[i].Load(), true
}

// addUpTo adds k up to an instant, until the second expires, and reports whether k is new or
// its instant was raised. When addUpTo returns, k is found with the instant or a later one.
// If it reports true, the version differs from every version before. The version changes
// under the lock, so that a second call for k returns only after that change.
func (s *keySet) addUpTo(k store.Key, expires int64, instant uint32, marks mark) (changed bool) {
	w := wordOf(k)
	sh := &s.shards[w.shard()]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.table.Load()
	if t == nil || t.full() {
		t = sh.grow(t)
	}
	i, found := t.find(w)
	logged := found && t.marks[i]&markLogged != 0
	added, raised := t.put(w, uint32(expires), instant, marks)
	switch now := t.marks[i]&markLogged != 0; {
	case found && logged == now:
	case now && found:
		sh.unlogged--
	case !now:
		sh.unlogged++
	}
	if added {
		s.count.Add(1)
		if marks&markToken != 0 {
			s.tokens.Add(1)
		}
	}
	if changed = added || raised; changed {
		s.version.Add(1)
	}
	return changed
}

// grow replaces the table by one that is a fifth larger: see table.full. The old table stays
// unchanged for its present readers: a key that is added, or an instant that is raised, from
// now on was not in the set when they began.
func (sh *shard) grow(t *table) *table {
	var larger *table
	if t == nil {
		larger = newTable(0)
	} else {
		larger = newTable(len(t.keys)*6/5 + 2)
		t.copyTo(larger, 0)
	}
	sh.table.Store(larger)
	return larger
}

// purge removes the keys that have expired at the second now, one shard at a time. It skips
// a shard if fewer than an eighth of its keys have expired, because it copies the rest.
func (s *keySet) purge(now int64) {
	for i := range s.shards {
		forgotten, tokens := s.shards[i].purge(uint32(now))
		s.count.Add(-int64(forgotten))
		s.tokens.Add(-int64(tokens))
	}
}

// purge removes the expired keys of a shard. It returns how many these are, and how many of
// them are tokens.
func (sh *shard) purge(now uint32) (forgotten, tokens int) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.table.Load()
	if t == nil {
		return 0, 0
	}
	expired := 0
	for i := range t.keys {
		if t.keys[i].hi.Load() != 0 && t.expires[i].Load() <= now {
			expired++
			if t.marks[i]&markToken != 0 {
				tokens++
			}
		}
	}
	if expired == 0 || expired*8 < t.used {
		return 0, 0
	}
	smaller := newTable((t.used - expired) * 25 / 16) // a load of 0.64
	sh.unlogged -= t.copyTo(smaller, now)
	sh.table.Store(smaller)
	return expired, tokens
}

func (s *keySet) len() int { return int(s.count.Load()) }
