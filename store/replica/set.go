package replica

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/store"
)

// set is the union of all revocations that a replica holds. It is safe for concurrent use,
// and readers take no lock.
//
// Invariant 2: revocation is monotone. No operation removes a revocation before its expiry.
type set struct {
	// keys holds sessions and tokens, and the version of the whole set.
	keys     keySet
	instants instantSet
	// swept, forgotten and floor are those of store.Bounds. issued is the later of forgotten
	// and floor.
	swept, forgotten, floor, issued atomic.Int64
	// changed rings after the set has changed.
	changed bell
}

func newSet() *set {
	s := &set{changed: newBell()}
	// The version is random, so that keys that another replica has checked never count as
	// clear here. It is never zero, which is the version of new keys.
	s.keys.version.Store(rand.Uint64() | 1<<63)
	return s
}

// add adds revocations to the set, and notes whether they come from the log. When it
// returns, no look that starts later misses them.
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
		changed = s.keys.addUpTo(r.Key, r.Expires, instantOf(r), marks) || changed
	}
	if changed {
		s.changed.ring()
	}
}

// lacking returns those of the revocations that the log of the present generation is not
// known to hold, or to imply, for as long. The set holds all of them already. If it holds
// more of a session or a token, lacking returns that: a later instant, or a later expiry.
// So a repeat brings the log up to the set, and never moves what the set holds.
func (s *set) lacking(revocations []store.Revocation) (lacking []store.Revocation) {
	for _, r := range revocations {
		logged := s.keys.marks(r.Key)&markLogged != 0
		if r.Kind.HasInstant() {
			logged = s.instants.logged(r)
		}
		if !logged {
			lacking = append(lacking, s.keys.joined(r))
		}
	}
	return lacking
}

// unmark notes that no revocation is known to be on the log of the present generation.
func (s *set) unmark() {
	s.keys.unmark()
	s.instants.unmark()
}

// parts is how many parts of the set unlogged can return.
const parts = shards + 1

// unlogged returns the revocations in one part of the set that are not known to be on the
// log. It includes expired ones, because the clock that calls them expired may be wrong.
func (s *set) unlogged(part int) unlogged {
	if part == shards {
		return s.instants.collect()
	}
	return s.keys.collect(part)
}

// look returns the reasons to refuse a token, or Clear.
func (s *set) look(k *store.Keys) Verdict {
	// Read the version before the look. An add in between changes the version of the set,
	// so that the next look does not skip find.
	version := s.keys.version.Load()
	if k.Clear.Load() == version {
		return s.checkAge(k)
	}
	verdict := s.find(k)
	if verdict == Clear {
		k.Clear.Store(version)
		return s.checkAge(k)
	}
	return verdict
}

// checkAge refuses a token whose revocation the set may have lost or forgotten, judged by
// the token's age: see store.Bounds.
//
// It compares whole seconds: a token of the same second as the floor may have been issued
// before it.
func (s *set) checkAge(k *store.Keys) (verdict Verdict) {
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

// bound adopts bounds that refuse no fewer tokens than those before.
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

// raise sets value to the larger of value and to.
func raise(value *atomic.Int64, to int64) {
	for before := value.Load(); to > before && !value.CompareAndSwap(before, to); before = value.Load() {
	}
}

// find looks at every kind of revocation, and joins the results by OR, never by precedence.
func (s *set) find(k *store.Keys) Verdict {
	var verdict Verdict
	if s.keys.has(k.Token) {
		verdict |= ByToken
	}
	if !k.Session.IsZero() && s.keys.revokes(k.Session, k.AuthTime) || !k.Login.IsZero() && s.keys.revokes(k.Login, k.AuthTime) {
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

// notBefore returns the latest instant up to which tokens of this session, subject and issuer
// are revoked; 0 without one.
func (s *set) notBefore(k *store.Keys) int64 {
	return max(0, s.instants.latest(k.Subject, k), s.instants.latest(k.Issuer, k))
}

// purge removes the revocations that have expired at the second now.
func (s *set) purge(now int64) {
	raise(&s.swept, now)
	s.keys.purge(now)
	s.instants.purge(now)
}

func (s *set) len() int { return s.keys.len() + s.instants.len() }
