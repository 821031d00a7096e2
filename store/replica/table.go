package replica

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/store"
)

// shards is how many tables a keySet has. When one table grows, readers do not wait, and
// writers wait for a small part of the whole only.
const shards = 256

// keySet is a set of keys, each with the second at which it may be forgotten. Readers take no
// lock, and may read while one writer for each shard changes the set.
type keySet struct {
	// version changes once a new key can be found. So a token that was found clear at a
	// version needs no second look while the version stays the same.
	version atomic.Uint64
	shards  [shards]shard
	count   atomic.Int64
}

// shard is one table, and the lock of its writers.
type shard struct {
	table    atomic.Pointer[table]
	mu       sync.Mutex
	unlogged int // keys without markLogged; guarded by mu
}

// word is a key in the form that tables compare. Keys are hashes, so their bits need no
// further mixing. hi is never zero: zero marks a free slot.
type word struct{ hi, lo uint64 }

func wordOf(k store.Key) word {
	w := word{binary.BigEndian.Uint64(k[:8]), binary.BigEndian.Uint64(k[8:])}
	if w.hi == 0 {
		w.hi = 1 // as rare as a collision, and as harmless: one more key is revoked
	}
	return w
}

func (w word) shard() int { return int(w.hi >> 56) }

// table is a hash table with open addressing, of 21 bytes a slot. It has no pointers, so the
// garbage collector never walks it. A slot keeps its key for good. A full table is replaced
// as a whole.
type table struct {
	keys    []slot
	expires []atomic.Uint32
	marks   []mark // only under the lock of the shard
	used    int    // slots that hold a key; for writers only
}

// mark is what else is known about a key. It decides nothing about admission.
type mark uint8

const (
	// markToken: the key is that of a token, not of a session.
	markToken mark = 1 << iota
	// markLogged: the log of the present generation holds the key, with the expiry of the
	// set or a later one.
	markLogged
	// markWasLogged: the log of an earlier generation held the key. The log of the present
	// generation is not known to hold it.
	markWasLogged
	// markPublished: the log of this generation or of an earlier one has held the key, with
	// any expiry.
	markPublished
)

// slot holds a key. A writer publishes it by storing hi last.
type slot struct{ hi, lo atomic.Uint64 }

func newTable(slots int) *table {
	n := max(8, slots)
	return &table{keys: make([]slot, n), expires: make([]atomic.Uint32, n), marks: make([]mark, n)}
}

// full reports whether the load has reached 0.8.
func (t *table) full() bool { return t.used*5 >= len(t.keys)*4 }

// find returns the index of w's slot and true, or that of the free slot where w belongs and
// false. There is always a free slot, because the load stays below one.
func (t *table) find(w word) (int, bool) {
	n := uint64(len(t.keys))
	i, _ := bits.Mul64(w.lo, n)
	for {
		hi := t.keys[i].hi.Load()
		if hi == 0 {
			return int(i), false
		}
		if hi == w.hi && t.keys[i].lo.Load() == w.lo {
			return int(i), true
		}
		if i++; i == n {
			i = 0
		}
	}
}

// put adds w, or moves its expiry to a later second, never to an earlier one. It reports
// whether w is new. When the expiry moves, the key is logged, or was logged, only if marks
// say so. Only the writer of the shard calls put, and never on a full table.
func (t *table) put(w word, expires uint32, marks mark) bool {
	i, found := t.find(w)
	if found {
		switch held := t.expires[i].Load(); {
		case expires > held:
			t.expires[i].Store(expires)
			t.marks[i] = t.marks[i]&^(markLogged|markWasLogged) | marks
		case expires == held:
			t.marks[i] |= marks
		}
		if t.marks[i]&markLogged != 0 {
			t.marks[i] &^= markWasLogged
		}
		return false
	}
	t.keys[i].lo.Store(w.lo)
	t.expires[i].Store(expires)
	t.marks[i] = marks
	t.keys[i].hi.Store(w.hi)
	t.used++
	return true
}

// copyTo copies the keys that have not expired at the second now to another table. It returns
// how many of the keys that it leaves out are not logged.
func (t *table) copyTo(to *table, now uint32) (unlogged int) {
	for i := range t.keys {
		hi := t.keys[i].hi.Load()
		switch {
		case hi == 0:
		case t.expires[i].Load() > now:
			to.put(word{hi, t.keys[i].lo.Load()}, t.expires[i].Load(), t.marks[i])
		case t.marks[i]&markLogged == 0:
			unlogged++
		}
	}
	return unlogged
}

// has reports whether the set holds k.
func (s *keySet) has(k store.Key) bool {
	w := wordOf(k)
	t := s.shards[w.shard()].table.Load()
	if t == nil {
		return false
	}
	_, found := t.find(w)
	return found
}

// add adds k until the second expires, and reports whether k is new. When add returns, has(k)
// is true, and the version differs from every version before k was added. The version
// changes under the lock, so that a second add of k returns only after that change.
func (s *keySet) add(k store.Key, expires int64, marks mark) bool {
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
	added := t.put(w, uint32(expires), marks)
	switch now := t.marks[i]&markLogged != 0; {
	case found && logged == now:
	case now && found:
		sh.unlogged--
	case !now:
		sh.unlogged++
	}
	if added {
		s.version.Add(1)
		s.count.Add(1)
	}
	return added
}

// grow replaces the table by one that is half as large again. The old table stays unchanged
// for its present readers: a key that is added from now on was not in the set when they
// began.
func (sh *shard) grow(t *table) *table {
	var larger *table
	if t == nil {
		larger = newTable(0)
	} else {
		larger = newTable(len(t.keys) * 3 / 2)
		t.copyTo(larger, 0)
	}
	sh.table.Store(larger)
	return larger
}

// purge removes the keys that have expired at the second now, one shard at a time. It skips
// a shard if fewer than an eighth of its keys have expired, because it copies the rest.
func (s *keySet) purge(now int64) {
	for i := range s.shards {
		s.count.Add(-int64(s.shards[i].purge(uint32(now))))
	}
}

func (sh *shard) purge(now uint32) (forgotten int) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.table.Load()
	if t == nil {
		return 0
	}
	expired := 0
	for i := range t.keys {
		if t.keys[i].hi.Load() != 0 && t.expires[i].Load() <= now {
			expired++
		}
	}
	if expired == 0 || expired*8 < t.used {
		return 0
	}
	smaller := newTable((t.used - expired) * 8 / 5) // a load of 0.6
	sh.unlogged -= t.copyTo(smaller, now)
	sh.table.Store(smaller)
	return expired
}

func (s *keySet) len() int { return int(s.count.Load()) }
