package replica

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/sessiongate/sessiongate/store"
)

// Operation is a kind of call of the store.
type Operation uint8

// The operations.
const (
	OpRead      Operation = iota // entries of the revocation log
	OpPublish                    // an entry was put on the log
	OpHeartbeat                  // of this gate
	OpLook                       // which gates have a revocation
	OpMerge                      // a step of the repair of the log
	OpTrim                       // expired entries
	OpSettings                   // the retention, the lease, the floor
	OpLeave                      // the list of live gates
	NumOperations
)

// String returns the operation as metrics name it.
func (o Operation) String() string {
	return [NumOperations]string{"read", "publish", "heartbeat", "look", "merge", "trim", "settings", "leave"}[o]
}

// Repair is why a replica read the whole log once more.
type Repair uint8

// The repairs.
const (
	RepairGap        Repair = iota // entries were missing
	RepairGeneration               // the log has a new generation
	RepairClock                    // the set had forgotten revocations by a clock that was ahead
	RepairPanic                    // a background loop panicked
	NumRepairs
)

// String returns the repair as metrics name it.
func (c Repair) String() string {
	return [NumRepairs]string{"gap", "generation", "clock", "panic"}[c]
}

// Counters count what went wrong with a store. The zero Counters are ready. Several replicas
// may share them, and all methods may be called concurrently.
type Counters struct {
	failures [NumOperations]atomic.Uint64
	repairs  [NumRepairs]atomic.Uint64
}

// Failures returns how many calls of an operation have failed. A log that has lost entries, or
// has a new generation, is no failed call: it leads to a repair. A store that was closed has
// not failed either.
func (c *Counters) Failures(o Operation) uint64 { return c.failures[o].Load() }

// Repairs returns how many repairs there were for a reason.
func (c *Counters) Repairs(why Repair) uint64 { return c.repairs[why].Load() }

// IsFailure reports whether an error of a store counts as a failed call.
func IsFailure(err error) bool {
	for _, other := range []error{store.ErrClosed, store.ErrGap, store.ErrGeneration, store.ErrUnknownSession, context.Canceled} {
		if errors.Is(err, other) {
			return false
		}
	}
	return err != nil
}

// called counts a call of the store, if it failed.
func (r *Replica) called(o Operation, err error) {
	if IsFailure(err) {
		r.counters.failures[o].Add(1)
	}
}

// repaired counts a repair.
func (r *Replica) repaired(why Repair) { r.counters.repairs[why].Add(1) }
