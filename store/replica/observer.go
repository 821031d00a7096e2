package replica

import (
	"errors"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Observer is told of what whoever is on call should know at once. Its methods are
// called from the goroutines that keep the set fresh: they must return at once,
// must not call the replica, and may be called concurrently.
type Observer interface {
	// StoreDown is told once for each outage, when the first call fails: what kind
	// of failure it is, and how long the replica may still admit. That is zero if
	// it admits nothing already, and below zero if no lease will end it.
	StoreDown(trouble Trouble, left time.Duration)
	// StoreUp is told when calls succeed again, and how long they did not.
	StoreUp(after time.Duration)
}

// Trouble is the kind of failure of a store.
type Trouble string

// The kinds of failure.
const (
	// TroubleUnavailable: the store does not answer, or refuses.
	TroubleUnavailable Trouble = "unavailable"
	// TroubleLost: the log has lost entries, or was begun anew.
	TroubleLost Trouble = "lost"
	// TroubleUnreadable: an entry of the log cannot be understood.
	TroubleUnreadable Trouble = "unreadable"
	// TroubleDamaged: the store is not what was written.
	TroubleDamaged Trouble = "damaged"
)

// TroubleOf is the kind of failure that an error of a store is.
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

// unobserved is the Observer of who has none.
type unobserved struct{}

func (unobserved) StoreDown(Trouble, time.Duration) {}
func (unobserved) StoreUp(time.Duration)            {}

// down begins an outage, unless there is one. The caller holds mu.
func (r *Replica) down(err error) {
	if r.failing() {
		return
	}
	r.outage = r.clock.Boot()
	r.options.Load().Observer.StoreDown(TroubleOf(err), r.left())
}

// failing reports whether there is an outage. The caller holds mu.
func (r *Replica) failing() bool { return r.reading.err != nil || r.beating.err != nil }

// left is how long the replica may still admit by what it holds now.
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
