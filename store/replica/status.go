package replica

import (
	"errors"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Status is the state of a replica at one moment, for operators.
type Status struct {
	// Gate is this replica's own id on the list of gates; zero with a local store.
	Gate store.GateID
	// Synced reports whether the replica was able to admit at least once.
	Synced bool
	// Fenced reports whether the replica admits nothing now.
	Fenced bool
	// Degraded reports whether the replica cannot prove now that its set is fresh: it is
	// fenced, or admits by an old set because the operator allows that.
	Degraded bool
	// DegradedSeconds counts seconds after the first full sync: a second counts if the
	// replica was degraded at its end.
	DegradedSeconds uint64
	// Lease is that of the fleet; zero with a local store.
	Lease time.Duration
	// Remaining is for how long the set is still provably fresh by the present lease; zero
	// without one.
	Remaining time.Duration
	// FencedFor is how long the replica has admitted nothing since it was made. It never
	// falls. The time of a suspend of the machine does not count.
	FencedFor time.Duration
	// Age is how long ago the heartbeat was sent whose answer granted the present lease;
	// zero without a lease.
	Age time.Duration
	// Heard is when that heartbeat was sent, by the wall clock; zero without a lease.
	Heard time.Time
	// State is that of the log; zero until it is known, and with a local store.
	State store.State
	// New reports whether the log is in repair and nothing was lost, as far as this gate can
	// tell: the store has never held a revocation.
	New bool
	// Generation is that of the log; zero until it is known. Known is how long ago the
	// replica first heard of it. Witness reports whether its lease was still good then, so
	// that the replica can confirm what the log held before.
	Generation store.Generation
	Known      time.Duration
	Witness    bool
	// Position is the position up to which the log is applied. It is zero while the replica
	// begins to read the log again.
	Position store.Position
	// Lag is how many entries of the log the replica knows of and has not applied.
	Lag uint64
	// Gates is how many gates are on the list of live gates, as last heard; zero with a
	// local store. Unlisted reports whether unlisted gates may be admitting, which are not
	// counted (AcknowledgeLease).
	Gates    int
	Unlisted bool
	// Format is the newest format of entries that this gate writes, because every gate of the
	// fleet understands it, as last heard: see store.Format. Below 2, revocations of sessions
	// by instant are written for good.
	Format uint64
	// Bounds say which tokens the replica refuses because the log cannot judge them.
	Bounds store.Bounds
	// Offset is how far the wall clock is ahead of the store's. It is negative if the wall
	// clock is behind, and zero if they agree or the store has not named its time. Skewed
	// reports whether it is more than Options.Skew.
	Offset time.Duration
	Skewed bool
	// Revocations is how many revocations the replica holds.
	Revocations int
	// Unconfirmed reports whether the replica holds revocations that the store may lack.
	Unconfirmed bool
	// Err is why the last call of the store failed; nil if it succeeded.
	Err error
}

// Status returns the state of the replica now.
func (r *Replica) Status() Status {
	o := r.options.Load()
	lease, format := r.lease(o), r.format()
	now, boot := r.clock.Now(), r.clock.Boot()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passFence()
	t := r.term.Load()
	status := Status{
		FencedFor:       time.Duration(r.fencing.total),
		Remaining:       r.remaining(boot),
		Synced:          r.synced,
		Fenced:          t == nil || !t.good(now, t.admit, r.clock),
		Degraded:        t == nil || !t.good(now, t.lease, r.clock),
		DegradedSeconds: r.degraded,
		Generation:      r.view.generation,
		Witness:         r.view.witness,
		Position:        r.view.at,
		Lag:             r.view.head - min(r.view.head, r.view.at.Seq),
		Revocations:     r.set.len(),
		Bounds:          r.bounds,
		Format:          format,
		Offset:          r.clocks.off,
		Skewed:          r.skewed(),
		Unconfirmed:     r.pending != r.cleared,
		Err:             errors.Join(r.reading.err, r.beating.err),
	}
	if r.view.generation != 0 {
		status.Known = boot - r.view.known
	}
	if r.fleet != nil {
		status.Gate = r.id
		status.Lease, status.State = lease, r.view.state
		status.New = r.isNew()
		status.Gates, status.Unlisted = r.view.gates, r.view.unlisted
		if t != nil {
			status.Age, status.Heard = boot-t.boot, time.Unix(0, t.asked.Wall)
		}
	}
	return status
}

// trouble is why one kind of call fails now; its err is nil if it does not.
type trouble struct{ err error }

// is reports whether the kind of call fails now, and the log has the message for err.
func (t *trouble) is(err error) bool { return t.err != nil && remedy(t.err) == remedy(err) }

// failed notes a failed call, and logs it if the kind of failure is new. The caller holds mu.
//
// Each outage makes both kinds of calls fail, and one line tells of it.
func (r *Replica) failed(t *trouble, err error) {
	r.down(err)
	news := !r.reading.is(err) && !r.beating.is(err)
	t.err = err
	if news {
		o := r.options.Load()
		o.Logger.Error(remedy(err), "error", err, "lease", r.lease(o), "max_staleness", o.MaxStaleness, "synced", r.synced)
	}
}

// recovered notes that a call succeeded. The caller holds mu.
func (r *Replica) recovered(t *trouble) {
	if t.err == nil {
		return
	}
	t.err = nil
	if !r.failing() {
		o, after := r.options.Load(), r.clock.Boot()-r.outage
		o.Logger.Info("the store answers again", "after", after)
		o.Observer.StoreUp(after)
	}
}

// remedy returns the log message for an error of the store.
func remedy(err error) string {
	switch TroubleOf(err) {
	case TroubleLost:
		return "the revocation log has lost entries or has a new generation; this gate reads all of it again, and keeps the revocations that it holds"
	case TroubleUnreadable:
		return "this gate cannot read an entry of the revocation log, and does not skip it; upgrade this gate, or find out what else writes to the log"
	case TroubleDamaged:
		return "the store is damaged; this gate refuses requests until the store is repaired"
	default:
		return "the store does not answer; this gate refuses requests once its lease has expired"
	}
}
