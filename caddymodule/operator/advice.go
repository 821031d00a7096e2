package operator

import (
	"fmt"
	"time"
)

// Admission says in words whether the gate admits guarded requests.
func (s State) Admission() string {
	switch {
	case s.Fenced:
		return "refuses every guarded request with 503"
	case s.Degraded:
		return "admits requests by an old set, as on_store_failure allows: it does not know the revocations that other gates made since"
	default:
		return "admits requests"
	}
}

// Advice says why a gate does not work as it should, and what the person on call does
// next. Both are empty if nothing is wrong.
func (s State) Advice() (why, next string) {
	switch {
	case s.Error != "" && s.Shared:
		return "the store cannot be used, and its error says why",
			"repair the store, or the way to it; the gate recovers by itself within a lease, or within three if revocations may be lost"
	case s.Error != "":
		return "the store cannot be used, and its error says why",
			"see the gate's log, which says what to do about the file"
	case s.State == InRepair:
		return s.adviceInRepair()
	case s.Skewed:
		return fmt.Sprintf("the clocks of this machine and of the store are %v apart, so this gate keeps revocations for longer",
				s.ClockOffsetSeconds.Duration().Abs().Round(time.Second)),
			"set both clocks by NTP; until then this gate does not open a revocation log that was lost"
	case s.Lag > 0 || !s.Synced:
		return "this gate is reading the revocation log", "wait; if it is still behind in a minute, see the gate's log"
	case s.Degraded:
		return "its lease has expired, as after a suspend or on a starved machine", "wait; if it lasts, see the gate's log"
	case s.Unconfirmed:
		return "revocations that were answered 503 are not in the store yet", "nothing; they hold at this gate, which retries until the store has them"
	default:
		return "", ""
	}
}

func (s State) adviceInRepair() (why, next string) {
	switch {
	case !s.Degraded:
		return "the store may have lost revocations, and this gate, which holds them all, is restoring them",
			"find out what happened to the store; the gate goes on by itself"
	case s.Bootstrap == "manual":
		return "the store may have lost revocations, and the fleet waits for a gate that can confirm its contents, or for you (bootstrap manual)",
			"if this lasts longer than two leases, find out what happened to the store, and start every gate that still holds the revocations; " +
				"then run: caddy session-gate bootstrap"
	default:
		return "the store may have lost revocations, and the gates are restoring what they hold",
			"find out what happened to the store; the revocation log opens by itself after two leases"
	}
}
