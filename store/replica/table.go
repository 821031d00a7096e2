package replica

import (
	"encoding/binary"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/store"
)

// shards is how many tables the set of keys is split into. Growing one stops no
// reader, and the writer only for a small part of the whole.
const shards = 256

// keySet is a set of keys, each with the second at which it may be forgotten. It
// may be read while one writer a shard changes it: readers take no lock.
type keySet struct {
	// version changes after what was added can be found, so that a token found
	// clear at a version needs no second look while the version stays.
	version atomic.Uint64
	shards  [shards]shard
	count   atomic.Int64
}

// shard is one table and the lock of its writers.
type shard struct {
	table    atomic.Pointer[table]
	mu       sync.Mutex
	unlogged int // keys without markLogged; guarded by mu
}

// word is a key as it is compared. Keys are hashes, so that its bits can be
// used as they come. hi is never zero: zero marks a free slot.
type word struct{ hi, lo uint64 }

func wordOf(k store.Key) word {
	w := word{binary.BigEndian.Uint64(k[:8]), binary.BigEndian.Uint64(k[8:])}
	if w.hi == 0 {
		w.hi = 1 // as rare as a collision, and as harmless: one key more is revoked
	}
	return w
}

func (w word) shard() int { return int(w.hi >> 56) }

// table is an open addressing hash table of 21 bytes a slot, without pointers,
// so that the garbage collector never walks it. A slot, once taken, keeps its
// key for good; a table that is full is replaced as a whole.
type table struct {
	keys    []slot
	expires []atomic.Uint32
	marks   []mark // only under the lock of the shard
	used    int    // the writer's
}

// mark is what else is known of a key. It decides nothing about admission.
type mark uint8

const (
	// markToken: the key is a token's, and not a session's.
	markToken mark = 1 << iota
	// markLogged: the log of the present generation holds the key, until its
	// expiry here or later.
	markLogged
	// markWasLogged: the log of an earlier generation held it, and that of the present
	// one was not seen to.
	markWasLogged
	// markPublished: a log held the key at some time, of this generation or of an
	// earlier one, until some expiry.
	markPublished
)

// slot publishes a key by storing hi last.
type slot struct{ hi, lo atomic.Uint64 }

func newTable(slots int) *table {
	n := max(8, slots)
	return &table{keys: make([]slot, n), expires: make([]atomic.Uint32, n), marks: make([]mark, n)}
}

// full reports whether one more key would take the load above 0.8.
func (t *table) full() bool { return t.used*5 >= len(t.keys)*4 }

// find returns the slot of w and true, or the free slot where it belongs and
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

// put adds w or moves its expiry out; it never moves it in. It reports whether
// w is new. A key whose expiry moves out is logged, or was, only if its marks say so
// now.
// Only the writer of the shard calls it, and never on a full table.
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

// copyTo puts every key that has not expired at the second now into another
// table, and returns how many of those that it leaves out are not logged.
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

// add puts k into the set until the second expires, and reports whether it is
// new. When it returns, has(k) is true, and the version is another than before k
// was new: it changes under the lock, so that whoever finds k there does not get
// ahead of the one who put it.
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

// grow replaces the table by one half as large again. The old one stays as it
// was for the readers that are in it: what is added from now on was not in the
// set when they came.
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

// purge forgets the keys that have expired at the second now, a shard at a
// time, where they are worth the copying: an eighth of the shard or more.
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
