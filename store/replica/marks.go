package replica

import (
	"encoding/binary"

	"github.com/sessiongate/sessiongate/store"
)

// marks returns the marks of k; zero if the set does not hold it.
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

// joined returns the revocation of a session or a token with the expiry and the instant of
// the set, where these are later. It returns others as they are.
func (s *keySet) joined(r store.Revocation) store.Revocation {
	w := wordOf(r.Key)
	sh := &s.shards[w.shard()]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.table.Load()
	if t == nil || r.Kind.HasInstant() {
		return r
	}
	if i, found := t.find(w); found {
		r.Expires = max(r.Expires, int64(t.expires[i].Load()))
		r.NotBefore = notBefore(max(instantOf(r), t.instants[i].Load()))
	}
	return r
}

// unmark notes that no key is known to be on the log of the present generation, and keeps
// which keys were on an earlier one.
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
		return unlogged{} // the usual case, and fast
	}
	var found unlogged
	s.each(shard, found.add)
	return found
}

// keyOf is the inverse of wordOf, except for keys that begin with eight zero bytes: for these
// it returns the key that shares their word.
func keyOf(w word) (k store.Key) {
	binary.BigEndian.PutUint64(k[:8], w.hi)
	binary.BigEndian.PutUint64(k[8:], w.lo)
	return k
}

// unmark notes that no predicate is known to be on the log of the present generation.
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

// unlogged holds revocations that are not known to be on the log.
type unlogged struct {
	revocations []store.Revocation
	// lost is the latest expiry of those that the log of an earlier generation held; zero
	// without one.
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
