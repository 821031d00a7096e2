package replica

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/store"
)

// set is the union of all revocations that a replica holds. It is safe for
// concurrent use; what reads it takes no lock.
//
// Invariant 2: revocation is monotone. There is no operation that
// removes a revocation before its expiry.
type set struct {
	// keys has the version of all of the set.
	keys     keySet
	instants instantSet
	// swept, forgotten and floor are those of store.Bounds, and issued is the later of
	// the last two.
	swept, forgotten, floor, issued atomic.Int64
	// changed rings after the version has changed.
	changed bell
}

func newSet() *set {
	s := &set{changed: newBell()}
	// Random, so that keys that were once checked by another replica are never
	// taken for clear here; and never zero, which is what new keys hold.
	s.keys.version.Store(rand.Uint64() | 1<<63)
	return s
}

// add puts revocations into the set, and notes whether they come from the log.
// When it returns, no look at the set that starts later misses them.
func (s *set) add(revocations []store.Revocation, logged bool) {
	changed := false
	for _, r := range revocations {
		if r.Kind.HasInstant() {
			s.instants.add(r, logged)
			s.keys.version.Add(1)
			changed = true
			continue
		}
		var marks mark
		if r.Kind == store.KindToken {
			marks |= markToken
		}
		if logged {
			marks |= markLogged | markPublished
		}
		changed = s.keys.add(r.Key, r.Expires, marks) || changed
	}
	if changed {
		s.changed.ring()
	}
}

// lacking returns those of the revocations, which the set holds, that the log of the
// present generation is not known to hold, or to imply, for as long.
func (s *set) lacking(revocations []store.Revocation) (lacking []store.Revocation) {
	for _, r := range revocations {
		logged := s.keys.marks(r.Key)&markLogged != 0
		if r.Kind.HasInstant() {
			logged = s.instants.logged(r)
		}
		if !logged {
			lacking = append(lacking, r)
		}
	}
	return lacking
}

// unmark notes that nothing is known to be on the log.
func (s *set) unmark() {
	s.keys.unmark()
	s.instants.unmark()
}

// parts is how many parts the set has for unlogged.
const parts = shards + 1

// unlogged returns the revocations in one part of the set that are not known to
// be on the log, expired or not: whose clock would say so may be wrong.
func (s *set) unlogged(part int) unlogged {
	if part == shards {
		return s.instants.collect()
	}
	return s.keys.collect(part)
}

// look reports by what a token is revoked.
func (s *set) look(k *store.Keys) Verdict {
	// The version is read before the look: an add in between leaves a version
	// behind that is not the set's any more, and the next look is a real one.
	version := s.keys.version.Load()
	if k.Clear.Load() == version {
		return s.age(k)
	}
	verdict := s.find(k)
	if verdict == Clear {
		k.Clear.Store(version)
		return s.age(k)
	}
	return verdict
}

// age refuses a token about which the set can say nothing: see store.Bounds.
//
// Whole seconds are compared: a token of the floor's own second may have been issued
// before it.
func (s *set) age(k *store.Keys) (verdict Verdict) {
	if k.Expires > s.swept.Load() && k.IssuedAt > s.issued.Load() {
		return Clear
	}
	if k.Expires <= s.swept.Load() || k.IssuedAt <= s.forgotten.Load() {
		verdict |= Outlived
	}
	if k.IssuedAt <= s.floor.Load() {
		verdict |= ByFloor
	}
	return verdict
}

// bound takes up bounds that say no less than those before.
func (s *set) bound(b store.Bounds) {
	raise(&s.swept, b.Swept)
	s.forgotten.Store(b.Forgotten)
	refused := b.Refused()
	before := s.floor.Swap(refused)
	s.issued.Store(max(b.Forgotten, refused))
	if refused > before {
		s.changed.ring()
	}
}

// raise keeps the larger of two.
func raise(value *atomic.Int64, to int64) {
	for before := value.Load(); to > before && !value.CompareAndSwap(before, to); before = value.Load() {
	}
}

// find consults every kind and joins them by OR, never by precedence.
func (s *set) find(k *store.Keys) Verdict {
	var verdict Verdict
	if s.keys.has(k.Token) {
		verdict |= ByToken
	}
	if !k.Session.IsZero() && s.keys.has(k.Session) {
		verdict |= BySession
	}
	if s.instants.revokes(k.Subject, k) {
		verdict |= BySubject
	}
	if s.instants.revokes(k.Issuer, k) {
		verdict |= ByIssuer
	}
	return verdict
}

// notBefore returns the latest instant up to which tokens of this session, subject
// and issuer are revoked, 0 if there is none.
func (s *set) notBefore(k *store.Keys) int64 {
	return max(0, s.instants.latest(k.Subject, k.Session), s.instants.latest(k.Issuer, k.Session))
}

// purge forgets what has expired at the second now.
func (s *set) purge(now int64) {
	raise(&s.swept, now)
	s.keys.purge(now)
	s.instants.purge(now)
}

func (s *set) len() int { return s.keys.len() + s.instants.len() }
