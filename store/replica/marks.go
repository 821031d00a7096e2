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

// unmark notes that no key is known to be on the log, and which were on it.
func (s *keySet) unmark() {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		if t := sh.table.Load(); t != nil {
			for j := range t.marks {
				if t.marks[j]&markLogged != 0 {
					t.marks[j] = t.marks[j]&^markLogged | markWasLogged
				}
			}
			sh.unlogged = t.used
		}
		sh.mu.Unlock()
	}
}

// collect returns the keys of one shard that are not known to be on the log.
func (s *keySet) collect(shard int) unlogged {
	sh := &s.shards[shard]
	sh.mu.Lock()
	none := sh.unlogged == 0
	sh.mu.Unlock()
	if none {
		return unlogged{} // nearly always, and at once
	}
	var found unlogged
	s.each(shard, found.add)
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
			p.logged, p.was = false, p.was || p.logged
			unmarked.predicates[j] = p
		}
		(*slots)[i].Store(unmarked)
	}
}

// collect returns the predicates that are not known to be on the log.
func (s *instantSet) collect() unlogged {
	var found unlogged
	s.each(found.add)
	return found
}

// unlogged are revocations that are not known to be on the log.
type unlogged struct {
	revocations []store.Revocation
	// lost is the latest expiry of those that an earlier generation's log held; zero
	// if there are none.
	lost int64
}

func (u *unlogged) add(h heldRevocation) {
	if h.logged {
		return
	}
	u.revocations = append(u.revocations, h.Revocation)
	if h.was {
		u.lost = max(u.lost, h.Expires)
	}
}
