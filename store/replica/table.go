package replica

import (
	"encoding/binary"
	"math"
	"math/bits"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/store"
)

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

// table is a hash table with open addressing, of 25 bytes a slot. It has no pointers, so the
// garbage collector never walks it. A slot keeps its key for good. A full table is replaced
// as a whole.
//
// Invariant 2: revocation is monotone. Within a table, expiry and instant of a slot never
// fall. Readers look at key and instant, never at the expiry, so there is no state between
// two stores in which they could admit: a writer stores the instant before it publishes the
// key, and later raises the instant by one store.
type table struct {
	keys     []slot
	expires  []atomic.Uint32
	instants []atomic.Uint32
	marks    []mark // only under the lock of the shard
	used     int    // slots that hold a key; for writers only
}

// forGood is the instant of a key that revokes every token, whatever its AuthTime. It is the
// largest, so that it is later than every other instant.
const forGood = math.MaxUint32

// instantOf returns the instant of the revocation of a session or a token.
func instantOf(r store.Revocation) uint32 {
	if r.NotBefore == 0 {
		return forGood
	}
	return uint32(r.NotBefore)
}

// notBefore is the inverse of instantOf.
func notBefore(instant uint32) int64 {
	if instant == forGood {
		return 0
	}
	return int64(instant)
}

// mark is what else is known about a key. It decides nothing about admission.
type mark uint8

const (
	// markToken: the key is that of a token, not of a session.
	markToken mark = 1 << iota
	// markLogged: the log of the present generation holds the key, with the expiry and the
	// instant of the set or later ones.
	markLogged
	// markWasLogged: the log of an earlier generation held the key. The log of the present
	// generation is not known to hold it.
	markWasLogged
	// markPublished: the log of this generation or of an earlier one has held the key, with
	// any expiry, and with the instant of the set or a later one.
	markPublished
)

// slot holds a key. A writer publishes it by storing hi last.
type slot struct{ hi, lo atomic.Uint64 }

func newTable(slots int) *table {
	n := max(8, slots)
	return &table{keys: make([]slot, n), expires: make([]atomic.Uint32, n), instants: make([]atomic.Uint32, n), marks: make([]mark, n)}
}

// full reports whether the load has reached 0.76. A table then grows by a fifth, to a load of
// 0.63: a set takes at most 40 bytes an entry, and a look at it no more steps than with
// greater steps of growth to a greater load.
func (t *table) full() bool { return t.used*25 >= len(t.keys)*19 }

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

// put adds w, or joins it with what is held. It reports whether w is new, and whether the
// instant was raised. Only the writer of the shard calls put, and never on a full table.
func (t *table) put(w word, expires, instant uint32, marks mark) (added, raised bool) {
	i, found := t.find(w)
	if found {
		return false, t.join(i, expires, instant, marks)
	}
	t.keys[i].lo.Store(w.lo)
	t.expires[i].Store(expires)
	t.instants[i].Store(instant)
	t.marks[i] = marks
	t.keys[i].hi.Store(w.hi)
	t.used++
	return true, false
}

// join moves the expiry and the instant of a slot to later ones, never to earlier ones, and
// reports whether it moved the instant. When either moves, the key is logged, or was logged,
// only if marks say so. When the instant moves, the same holds for published.
//
// Rule R16: the instant of a session never falls. Attack: a gate that was cut off, or an old
// entry that is put on the log again, brings an earlier instant than the set has. Tokens that
// were revoked in between would pass again.
func (t *table) join(i int, expires, instant uint32, marks mark) (raised bool) {
	heldExpires, heldInstant, at := t.expires[i].Load(), t.instants[i].Load(), t.marks[i]
	later, raised := expires > heldExpires, instant > heldInstant
	sooner, lower := expires < heldExpires, instant < heldInstant
	switch {
	case (sooner || lower) && !later && !raised:
		return false // the set holds more
	case (sooner || lower) && at&markLogged == 0:
		marks &^= markLogged // the log has one half of the result
	}
	if lower {
		marks &^= markPublished
	}
	if later || raised {
		at &^= markLogged | markWasLogged
	}
	if raised {
		at &^= markPublished
	}
	if at |= marks; at&markLogged != 0 {
		at &^= markWasLogged
	}
	t.marks[i] = at
	if later {
		t.expires[i].Store(expires)
	}
	if raised {
		t.instants[i].Store(instant)
	}
	return raised
}

// copyTo copies the keys that have not expired at the second now to another table. It returns
// how many of the keys that it leaves out are not logged.
func (t *table) copyTo(to *table, now uint32) (unlogged int) {
	for i := range t.keys {
		hi := t.keys[i].hi.Load()
		switch {
		case hi == 0:
		case t.expires[i].Load() > now:
			to.put(word{hi, t.keys[i].lo.Load()}, t.expires[i].Load(), t.instants[i].Load(), t.marks[i])
		case t.marks[i]&markLogged == 0:
			unlogged++
		}
	}
	return unlogged
}
