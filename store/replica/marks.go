package replica

import (
	"encoding/binary"

	"github.com/sessiongate/sessiongate/store"
)

// marks returns what else is known of k; zero if the set does not hold it.
func (s *keySet) marks(k store.Key) mark {
	w := wordOf(k)
	sh := &s.shards[w.shard()]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if t := sh.table.Load(); t != nil {
		if i, found := t.find(w); found {
			return t.marks[i]
		}
	}
	return 0
}

// unmark notes that no key is known to be on the log.
func (s *keySet) unmark() {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		if t := sh.table.Load(); t != nil {
			for j := range t.marks {
				t.marks[j] &^= markLogged
			}
			sh.unlogged = t.used
		}
		sh.mu.Unlock()
	}
}

// collect returns the keys of one shard that are not known to be on the log, and
// have not expired at the second now.
func (s *keySet) collect(shard int, now int64) []store.Revocation {
	sh := &s.shards[shard]
	sh.mu.Lock()
	none := sh.unlogged == 0
	sh.mu.Unlock()
	if none {
		return nil // nearly always, and at once
	}
	var found unlogged
	s.each(shard, now, found.add)
	return found
}

// keyOf is the inverse of wordOf, but for the keys that begin with eight zero
// bytes: there it is the key that is found in the place of both.
func keyOf(w word) (k store.Key) {
	binary.BigEndian.PutUint64(k[:8], w.hi)
	binary.BigEndian.PutUint64(k[8:], w.lo)
	return k
}

// unmark notes that no predicate is known to be on the log.
func (s *instantSet) unmark() {
	s.mu.Lock()
	defer s.mu.Unlock()
	slots := s.slots.Load()
	if slots == nil {
		return
	}
	for i := range *slots {
		held := (*slots)[i].Load()
		if held == nil {
			continue
		}
		unmarked := &instants{key: held.key, kind: held.kind, predicates: make([]predicate, len(held.predicates))}
		for j, p := range held.predicates {
			p.logged = false
			unmarked.predicates[j] = p
		}
		(*slots)[i].Store(unmarked)
	}
}

// collect returns the predicates that are not known to be on the log, and have
// not expired at the second now.
func (s *instantSet) collect(now int64) []store.Revocation {
	var found unlogged
	s.each(now, found.add)
	return found
}

// unlogged are revocations that are not known to be on the log.
type unlogged []store.Revocation

func (u *unlogged) add(h Held) {
	if !h.Logged {
		*u = append(*u, h.Revocation)
	}
}
