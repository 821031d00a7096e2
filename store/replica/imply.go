package replica

import (
	"slices"

	"github.com/sessiongate/sessiongate/store"
)

// join returns the predicates with p among them, without those that the others
// imply: what is left revokes exactly what all of them do, at every time.
//
// Invariant 12: memory is bounded. The attack: a user with many sessions
// ends all others from each of them, over and over, and every gate holds, and looks
// through, a predicate for each. Where a later instant never expires sooner, which
// is so for all that one retention was used for, no more than two are left: the
// latest, and the latest that does not except the same session.
func join(predicates []predicate, p predicate) []predicate {
	joined := append(slices.Clone(predicates), p)
	if !p.logged && impliedByOthers(joined, len(predicates)) {
		return predicates // those that are on the log stay
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

// outlasts reports whether p names every second that q does, for as long.
func (p predicate) outlasts(q predicate) bool {
	return p.notBefore >= q.notBefore && p.expires >= q.expires
}

// implies reports whether p alone revokes all that q does, for as long.
func (p predicate) implies(q predicate) bool {
	return p.outlasts(q) && (p.except.IsZero() || p.except == q.except)
}

// logged reports whether the log of the present generation is known to imply a
// revocation.
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

// impliedByOthers reports whether the others revoke all that the predicate at i
// does, for as long: one of them, or two that except different sessions, because
// what the one excepts the other revokes.
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
