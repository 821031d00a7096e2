package replica

import (
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/store"
)

// instantSet holds the revocations by instant: of a subject, or of an issuer. Each is one
// predicate, and a token is revoked if any predicate covers it. Predicates are never merged,
// because the exception of one must not become the exception of another. Only a predicate
// that the others imply is left out: see join. Readers take no lock, and may read while a
// writer changes the set.
type instantSet struct {
	slots atomic.Pointer[[]atomic.Pointer[instants]]
	mu    sync.Mutex // of the writers
	used  int        // slots that hold a key
	count atomic.Int64
	// issuers are those of count that are of an issuer.
	issuers atomic.Int64
}

// instants holds the predicates of one key. It is replaced, never changed.
type instants struct {
	key        store.Key
	kind       store.Kind
	predicates []predicate
}

// predicate revokes the tokens that were issued up to and including the second notBefore,
// except those of one session.
type predicate struct {
	notBefore, expires int64
	except             store.Key
	logged             bool // the log of the present generation holds or implies it
	was                bool // the log of an earlier generation did
}

// revokes reports whether any predicate of k revokes a token.
//
// Invariant 5: `iat` is in whole seconds. So a token of the same second as the instant may
// have been issued before it, and is refused.
func (s *instantSet) revokes(k store.Key, token *store.Keys) bool {
	return token.IssuedAt <= s.latest(k, token)
}

// latest returns the latest instant of the predicates of k that do not except the session
// that names the token. It returns never if there is none.
func (s *instantSet) latest(k store.Key, token *store.Keys) int64 {
	slots := s.slots.Load()
	if slots == nil || k.IsZero() {
		return never
	}
	found := (*slots)[find(*slots, k)].Load()
	if found == nil {
		return never
	}
	latest, session := int64(never), token.First()
	for _, p := range found.predicates {
		if excepted := !p.except.IsZero() && p.except == session; !excepted {
			latest = max(latest, p.notBefore)
		}
	}
	return latest
}

// covering returns the predicate of k that revokes a token, the one with the latest instant,
// and whether there is one.
func (s *instantSet) covering(k store.Key, token *store.Keys) (covering predicate, found bool) {
	slots := s.slots.Load()
	if slots == nil || k.IsZero() {
		return predicate{}, false
	}
	held := (*slots)[find(*slots, k)].Load()
	if held == nil {
		return predicate{}, false
	}
	session := token.First()
	for _, p := range held.predicates {
		excepted := !p.except.IsZero() && p.except == session
		if !excepted && p.notBefore >= max(token.IssuedAt, covering.notBefore) {
			covering, found = p, true
		}
	}
	return covering, found
}

// never is before every instant, and before every `iat`.
const never = math.MinInt64

// find returns the index of the slot of k, or of the free slot where k belongs.
func find(slots []atomic.Pointer[instants], k store.Key) int {
	mask := uint64(len(slots) - 1)
	for i := wordOf(k).lo & mask; ; i = (i + 1) & mask {
		if held := slots[i].Load(); held == nil || held.key == k {
			return int(i)
		}
	}
}

// add puts one predicate into the set.
func (s *instantSet) add(r store.Revocation, logged bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slots := s.slots.Load()
	if slots == nil || s.used*4 >= len(*slots)*3 {
		slots = s.rebuild(slots, 0)
	}
	slot := &(*slots)[find(*slots, r.Key)]
	var predicates []predicate
	if held := slot.Load(); held != nil {
		predicates = held.predicates
	} else {
		s.used++
	}
	joined := join(predicates, predicate{notBefore: r.NotBefore, expires: r.Expires, except: r.Except, logged: logged})
	slot.Store(&instants{r.Key, r.Kind, joined})
	s.count.Add(int64(len(joined) - len(predicates)))
	if r.Kind == store.KindIssuer {
		s.issuers.Add(int64(len(joined) - len(predicates)))
	}
}

// rebuild moves the predicates that have not expired at the second now to a new table, with
// room for as many again.
func (s *instantSet) rebuild(slots *[]atomic.Pointer[instants], now int64) *[]atomic.Pointer[instants] {
	size := 8
	for size < s.used*4 {
		size *= 2
	}
	moved := make([]atomic.Pointer[instants], size)
	s.used = 0
	count, issuers := 0, 0
	if slots != nil {
		for i := range *slots {
			if kept := (*slots)[i].Load().without(now); kept != nil {
				moved[find(moved, kept.key)].Store(kept)
				s.used++
				count += len(kept.predicates)
				if kept.kind == store.KindIssuer {
					issuers += len(kept.predicates)
				}
			}
		}
	}
	s.count.Store(int64(count))
	s.issuers.Store(int64(issuers))
	s.slots.Store(&moved)
	return &moved
}

// without returns the instants that have not expired at the second now, or nil
// if there are none.
func (in *instants) without(now int64) *instants {
	if in == nil {
		return nil
	}
	expired := func(p predicate) bool { return p.expires <= now }
	if !slices.ContainsFunc(in.predicates, expired) {
		return in
	}
	kept := slices.DeleteFunc(slices.Clone(in.predicates), expired)
	if len(kept) == 0 {
		return nil
	}
	return &instants{in.key, in.kind, kept}
}

// purge removes the predicates that have expired at the second now.
func (s *instantSet) purge(now int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slots := s.slots.Load(); slots != nil {
		s.rebuild(slots, now)
	}
}

func (s *instantSet) len() int { return int(s.count.Load()) }
