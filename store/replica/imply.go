package replica

import (
	"slices"

	"github.com/sessiongate/sessiongate/store"
)

// join returns the predicates and p, without those that the others imply. The result
// revokes exactly what all of them revoke, at every time.
//
// Invariant 12: memory is bounded. Attack: a user with many sessions ends all others from
// each of them, over and over, so that every gate holds a predicate for each call and looks
// through all of them. With one retention, a later instant never expires sooner. Then at
// most two predicates are left: the latest, and the latest that does not except the same
// session.
func join(predicates []predicate, p predicate) []predicate {
	joined := append(slices.Clone(predicates), p)
	if !p.logged && impliedByOthers(joined, len(predicates)) {
		return predicates // keep the predicates that are on the log
	}
	for i := 0; i < len(joined); {
		if impliedByOthers(joined, i) {
			joined = slices.Delete(joined, i, i+1)
		} else {
			i++
		}
	}
	return joined
}

// outlasts reports whether p covers every second that q covers, for at least as long.
func (p predicate) outlasts(q predicate) bool {
	return p.notBefore >= q.notBefore && p.expires >= q.expires
}

// implies reports whether p alone revokes all that q revokes, for at least as long.
func (p predicate) implies(q predicate) bool {
	return p.outlasts(q) && (p.except.IsZero() || p.except == q.except)
}

// logged reports whether the log of the present generation is known to hold a revocation,
// or to imply it.
func (s *instantSet) logged(r store.Revocation) bool {
	slots := s.slots.Load()
	if slots == nil {
		return false
	}
	held := (*slots)[find(*slots, r.Key)].Load()
	if held == nil {
		return false
	}
	logged := slices.DeleteFunc(slices.Clone(held.predicates), func(p predicate) bool { return !p.logged })
	return impliedByOthers(append(logged, predicate{notBefore: r.NotBefore, expires: r.Expires, except: r.Except}), len(logged))
}

// impliedByOthers reports whether the others revoke all that the predicate at i revokes, for
// at least as long. One of them may do so alone. Two that except different sessions do so
// together, because each revokes what the other excepts.
func impliedByOthers(predicates []predicate, i int) bool {
	var except store.Key
	for j, other := range predicates {
		switch {
		case j == i || !other.outlasts(predicates[i]):
		case other.implies(predicates[i]), !except.IsZero() && other.except != except:
			return true
		default:
			except = other.except
		}
	}
	return false
}
