package replica

import (
	"context"
	"errors"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Status is what operators want to know of a replica.
type Status struct {
	// Gate is this replica's own id on the list of gates; zero if the store is this
	// machine's own.
	Gate store.GateID
	// Synced says that the replica was able to admit at least once.
	Synced bool
	// Fenced says that the replica admits nothing just now.
	Fenced bool
	// Degraded says that the replica cannot prove just now that its set is fresh:
	// it is fenced, or admits by an old set because the operator allows that.
	Degraded bool
	// DegradedSeconds counts the seconds at whose end it was degraded, after the
	// first full sync.
	DegradedSeconds uint64
	// Lease is the fleet's; zero if the store is this machine's own.
	Lease time.Duration
	// Age is how long ago the question was asked whose answer gave the present
	// lease; zero without a lease.
	Age time.Duration
	// Heard is when that was; zero if never.
	Heard time.Time
	// State is that of the log; zero until it is known, and if the store is this
	// machine's own.
	State store.State
	// Generation is that of the log; zero until it is known. Known is how long ago
	// the replica first heard of it, and Witness whether its lease was still good
	// then, so that it can vouch for what the log held before.
	Generation store.Generation
	Known      time.Duration
	Witness    bool
	// Position is the place on the log up to which everything was applied. It is
	// zero while the log is read from its beginning again.
	Position store.Position
	// Lag is how many entries of the log are known and not applied.
	Lag uint64
	// Gates is how many gates are on the list of live gates, as far as it was heard;
	// zero if the store is this machine's own. Unlisted says that others may be
	// admitting, which wait for leases and are not counted (AcknowledgeLease).
	Gates    int
	Unlisted bool
	// Bounds say which tokens are refused because the log cannot judge them.
	Bounds store.Bounds
	// Offset is by how much the wall clock is ahead of the store's: negative if it is
	// behind, zero if they agree or the store did not tell. Skewed says that it is
	// more than revocations are made for.
	Offset time.Duration
	Skewed bool
	// Revocations is how many revocations are held.
	Revocations int
	// Unconfirmed says that something is held that the store has yet to take.
	Unconfirmed bool
	// Err is why the last call failed, or nil if it did not.
	Err error
}

// Status returns the state of the replica now.
func (r *Replica) Status() Status {
	o := r.options.Load()
	lease := r.lease(o)
	now, boot := r.clock.Now(), r.clock.Boot()
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.term.Load()
	status := Status{
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
		Offset:          r.clocks.off,
		Skewed:          r.skewed(),
		Unconfirmed:     r.owed != r.paid,
		Err:             errors.Join(r.reading.err, r.beating.err),
	}
	if r.view.generation != 0 {
		status.Known = boot - r.view.known
	}
	if r.fleet != nil {
		status.Gate = r.id
		status.Lease, status.State = lease, r.view.state
		status.Gates, status.Unlisted = r.view.gates, r.view.unlisted
		if t != nil {
			status.Age, status.Heard = boot-t.boot, time.Unix(0, t.asked.Wall)
		}
	}
	return status
}

// trouble is why one kind of call fails at the moment.
type trouble struct{ err error }

// fail records a failed call, and logs it where it is news. The caller holds mu.
func (r *Replica) fail(t *trouble, err error) {
	r.down(err)
	news := t.err == nil || remedy(err) != remedy(t.err)
	t.err = err
	if news {
		o := r.options.Load()
		o.Logger.Error(remedy(err), "error", err, "lease", r.lease(o), "max_staleness", o.MaxStaleness, "synced", r.synced)
	}
}

// well records that a call succeeded. The caller holds mu.
func (r *Replica) well(t *trouble) {
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

// remedy says what an error of the store means for whoever is on call.
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

// watch counts, and logs, every second in which the set is not provably fresh,
// until ctx ends.
func (r *Replica) watch(ctx context.Context) {
	for pause(ctx, time.Second) {
		status := r.Status()
		if !status.Synced || !status.Degraded {
			continue
		}
		r.mu.Lock()
		r.degraded++
		waits := r.view.whole && r.view.state == store.StateRepair && r.fleet != nil
		manual := r.options.Load().Manual
		r.mu.Unlock()
		text := "this gate refuses requests: its lease has expired"
		switch {
		case !status.Fenced:
			text = "this gate admits requests by an old set: it does not know the latest revocations of other gates"
		case waits && manual:
			text = "this gate refuses requests: the revocation log may have lost revocations, and no gate can confirm its contents; find out what happened to the store, then run caddy session-gate bootstrap"
		case waits:
			text = "this gate refuses requests: the revocation log may have lost revocations, and the gates are restoring it"
		}
		r.options.Load().Logger.Warn(text, "lease_age", status.Age, "state", status.State, "error", status.Err)
	}
}
