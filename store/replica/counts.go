package replica

import "github.com/sessiongate/sessiongate/store"

// heldRevocation is a revocation that a replica holds.
type heldRevocation struct {
	store.Revocation
	// logged reports whether the log of the present generation is known to hold it. was
	// reports whether that of an earlier generation did.
	logged, was bool
}

// Counts returns how many revocations of each kind the replica holds. It counts expired ones
// until they are forgotten, as Status does. It may or may not count a revocation that is
// added or forgotten meanwhile.
//
// Counts blocks no check. It blocks revocations for a small part of the set at a time. It
// reads the whole set: some milliseconds for a million revocations.
func (r *Replica) Counts() map[store.Kind]int {
	counts := make(map[store.Kind]int)
	count := func(h heldRevocation) { counts[h.Kind]++ }
	for shard := range shards {
		r.set.keys.each(shard, count)
	}
	r.set.instants.each(count)
	return counts
}

// each calls show for every key of one shard, under the lock of the shard.
func (s *keySet) each(shard int, show func(heldRevocation)) {
	sh := &s.shards[shard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.table.Load()
	if t == nil {
		return
	}
	for i := range t.keys {
		hi, expires := t.keys[i].hi.Load(), int64(t.expires[i].Load())
		if hi == 0 {
			continue
		}
		kind := store.KindSession
		if t.marks[i]&markToken != 0 {
			kind = store.KindToken
		}
		show(heldRevocation{store.Revocation{
			Kind: kind, Key: keyOf(word{hi, t.keys[i].lo.Load()}), NotBefore: notBefore(t.instants[i].Load()), Expires: expires,
		}, t.marks[i]&markLogged != 0, t.marks[i]&markWasLogged != 0})
	}
}

// each calls show for every predicate.
func (s *instantSet) each(show func(heldRevocation)) {
	slots := s.slots.Load()
	if slots == nil {
		return
	}
	for i := range *slots {
		slot := (*slots)[i].Load()
		if slot == nil {
			continue
		}
		for _, p := range slot.predicates {
			show(heldRevocation{store.Revocation{
				Kind: slot.kind, Key: slot.key, NotBefore: p.notBefore, Except: p.except, Expires: p.expires,
			}, p.logged, p.was})
		}
	}
}
