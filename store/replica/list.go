package replica

import (
	"bytes"
	"cmp"
	"container/heap"

	"github.com/sessiongate/sessiongate/store"
)

// Held is a revocation that a replica holds.
type Held struct {
	store.Revocation
	// Logged says that the log of the present generation is known to hold it, and
	// not only this replica.
	Logged bool
	was    bool // an earlier generation's did
}

// compare orders what is held by key, and what has one key by all that sets instants
// apart. No two kinds share a key.
func (h Held) compare(than Held) int {
	return cmp.Or(
		bytes.Compare(h.Key[:], than.Key[:]), bytes.Compare(h.Except[:], than.Except[:]),
		cmp.Compare(h.NotBefore, than.NotBefore), cmp.Compare(h.Expires, than.Expires),
	)
}

// List returns what is held and has not expired at the Unix second now: the first
// of it, at most limit, in the order of the keys, and from what comes after one that
// was listed on; the zero Held comes before all. What is added or forgotten
// meanwhile may be missing or there.
//
// It holds up no check, and revocations for a small part of the set at a time. It
// looks at all of the set, some milliseconds for a million revocations, and needs
// memory for limit of them.
func (r *Replica) List(after Held, limit int, now int64) []Held {
	if limit <= 0 {
		return nil
	}
	first := &firstHeld{after: after, limit: limit}
	for shard := range shards {
		r.set.keys.each(shard, now, first.add)
	}
	r.set.instants.each(now, first.add)
	return first.sorted()
}

// firstHeld keeps the first few of what it is shown: a heap with the last of them
// on top.
type firstHeld struct {
	after Held
	limit int
	held  []Held
}

func (f *firstHeld) Len() int           { return len(f.held) }
func (f *firstHeld) Less(i, j int) bool { return f.held[i].compare(f.held[j]) > 0 }
func (f *firstHeld) Swap(i, j int)      { f.held[i], f.held[j] = f.held[j], f.held[i] }
func (f *firstHeld) Push(x any)         { f.held = append(f.held, x.(Held)) }

func (f *firstHeld) Pop() any {
	last := f.held[len(f.held)-1]
	f.held = f.held[:len(f.held)-1]
	return last
}

func (f *firstHeld) add(h Held) {
	switch {
	case h.compare(f.after) <= 0:
	case len(f.held) < f.limit:
		heap.Push(f, h)
	case h.compare(f.held[0]) < 0:
		f.held[0] = h
		heap.Fix(f, 0)
	}
}

// sorted empties the heap.
func (f *firstHeld) sorted() []Held {
	sorted := make([]Held, len(f.held))
	for i := len(sorted) - 1; i >= 0; i-- {
		sorted[i] = heap.Pop(f).(Held)
	}
	return sorted
}

// each shows the keys of one shard that have not expired at the second now.
func (s *keySet) each(shard int, now int64, show func(Held)) {
	sh := &s.shards[shard]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.table.Load()
	if t == nil {
		return
	}
	for i := range t.keys {
		hi, expires := t.keys[i].hi.Load(), int64(t.expires[i].Load())
		if hi == 0 || expires <= now {
			continue
		}
		kind := store.KindSession
		if t.marks[i]&markToken != 0 {
			kind = store.KindToken
		}
		show(Held{store.Revocation{Kind: kind, Key: keyOf(word{hi, t.keys[i].lo.Load()}), Expires: expires}, t.marks[i]&markLogged != 0, t.marks[i]&markWasLogged != 0})
	}
}

// each shows the predicates that have not expired at the second now.
func (s *instantSet) each(now int64, show func(Held)) {
	slots := s.slots.Load()
	if slots == nil {
		return
	}
	for i := range *slots {
		held := (*slots)[i].Load()
		if held == nil {
			continue
		}
		for _, p := range held.predicates {
			if p.expires > now {
				show(Held{store.Revocation{
					Kind: held.kind, Key: held.key, NotBefore: p.notBefore, Except: p.except, Expires: p.expires,
				}, p.logged, p.was})
			}
		}
	}
}
