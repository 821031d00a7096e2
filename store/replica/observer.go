package replica

import (
	"errors"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Observer receives what the person on call should know at once. The goroutines that keep
// the set fresh call its methods, also concurrently. The methods must return at once, and
// must not call the replica.
type Observer interface {
	// StoreDown is called once for each outage, when the first call of the store fails.
	// trouble is the kind of failure, and left is how long the replica may still admit.
	// left is zero if the replica admits nothing already, and negative if it has no lease
	// that could expire.
	StoreDown(trouble Trouble, left time.Duration)
	// StoreUp is called when calls succeed again. after is how long they failed.
	StoreUp(after time.Duration)
}

// Trouble is the kind of failure of a store.
type Trouble string

// The kinds of failure.
const (
	// TroubleUnavailable: the store does not answer, or refuses calls.
	TroubleUnavailable Trouble = "unavailable"
	// TroubleLost: the log has lost entries, or has a new generation.
	TroubleLost Trouble = "lost"
	// TroubleUnreadable: an entry of the log cannot be read.
	TroubleUnreadable Trouble = "unreadable"
	// TroubleDamaged: the store does not hold what was written.
	TroubleDamaged Trouble = "damaged"
)

// TroubleOf returns the kind of failure of an error of a store.
func TroubleOf(err error) Trouble {
	switch {
	case errors.Is(err, store.ErrGap), errors.Is(err, store.ErrGeneration):
		return TroubleLost
	case errors.Is(err, store.ErrUnreadable):
		return TroubleUnreadable
	case errors.Is(err, store.ErrDamaged):
		return TroubleDamaged
	default:
		return TroubleUnavailable
	}
}

// unobserved is the Observer that does nothing.
type unobserved struct{}

func (unobserved) StoreDown(Trouble, time.Duration) {}
func (unobserved) StoreUp(time.Duration)            {}

// down begins an outage, unless one has begun already. The caller holds mu.
func (r *Replica) down(err error) {
	if r.failing() {
		return
	}
	r.outage = r.clock.Boot()
	r.options.Load().Observer.StoreDown(TroubleOf(err), r.left())
}

// failing reports whether there is an outage. The caller holds mu.
func (r *Replica) failing() bool { return r.reading.err != nil || r.beating.err != nil }

// left returns how long the replica may still admit by its present term; negative without
// an end.
func (r *Replica) left() time.Duration {
	t := r.term.Load()
	switch {
	case t == nil:
		return 0
	case t.admit == forever:
		return -1
	default:
		return max(0, t.admit-(r.clock.Boot()-t.boot))
	}
}
