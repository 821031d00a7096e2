package replica

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Receipt says how a revocation came to hold everywhere.
type Receipt struct {
	// Position is right after the entry on the log that holds the revocation. If the log
	// held all of it before, it is the end of the log. Concurrent revocations may share an
	// entry.
	Position store.Position
	// Took is the time from the call to the answer. Appended is the part of it until the
	// store had the entry.
	Took, Appended time.Duration
	// Gate is this replica, which held the revocation first. It is zero with a local store,
	// which has no other gate.
	Gate store.GateID
	// Gates are the other gates that were on the list when the entry was put on the log, in
	// the order of their ids. They are at most store.MaxGates. Others is how many more
	// there were.
	Gates  []GateReceipt
	Others int
	// Lease is the time until every lease had expired by which a gate might have admitted
	// without the revocation. It is zero if the call did not have to wait for that, because
	// every gate had applied the entry or had left.
	Lease time.Duration
	// Unsettled reports whether a lease had to pass in any case, because the log was not
	// settled: a gate that is not among Gates may have been admitting. Unlisted reports the
	// same because of unlisted gates (AcknowledgeLease).
	Unsettled bool
	Unlisted  bool
	// StoreOnly reports whether the call waited for no gate (AcknowledgeStore). The other
	// gates follow within a lease.
	StoreOnly bool
}

// GateReceipt says what became of one gate that had to apply an entry.
type GateReceipt struct {
	Gate    store.GateID
	Outcome Outcome
	// After is the time from the call of the store until this replica saw the outcome.
	// Looks at the store are milliseconds apart, up to a tenth of a second.
	After time.Duration
}

// Outcome is what became of a gate that had to apply an entry.
type Outcome uint8

const (
	// NotWaitedFor: the gate has not confirmed, and the call did not wait for it.
	NotWaitedFor Outcome = iota
	// Applied: the gate confirmed that it has applied the entry. If there are Others, it may
	// have left instead.
	Applied
	// Left: the gate is no longer on the list. It stopped, or another gate found that it had
	// sent no heartbeat for a lease. In both cases it admits nothing.
	Left
	// Fenced: the gate sent no heartbeat until its lease had expired, so it admits nothing.
	Fenced
)

// String returns "not_waited_for", "applied", "left" or "fenced".
func (o Outcome) String() string {
	switch o {
	case Applied:
		return "applied"
	case Left:
		return "left"
	case Fenced:
		return "fenced"
	default:
		return "not_waited_for"
	}
}

// RevokeWithReceipt is Revoke, and returns a receipt. If the call fails, the receipt is zero,
// because the outcome is unknown.
func (r *Replica) RevokeWithReceipt(ctx context.Context, revocations ...store.Revocation) (Receipt, error) {
	began := r.clock.Boot()
	call := &revoking{revocations: revocations, wanted: true}
	if err := r.revoke(ctx, call); err != nil {
		return Receipt{}, err
	}
	call.receipt.Took, call.receipt.Appended = r.clock.Boot()-began, call.published-began
	return call.receipt, nil
}

// account collects the receipt of an entry. It is nil unless a call wants a receipt, so that
// other calls do not bear the cost.
type account struct {
	receipt Receipt
	// sent and published are the boot times before and after the entry was published.
	sent, published time.Duration
}

// open begins the account of an entry whose call was sent at the boot time sent, and answered
// at published. It returns nil if no call wants a receipt.
func open(calls []*revoking, self store.GateID, head store.Head, sent, published time.Duration) *account {
	if !slices.ContainsFunc(calls, func(c *revoking) bool { return c.wanted }) {
		return nil
	}
	a := &account{Receipt{
		Position: head.Position, Gate: self, Unsettled: head.State != store.StateSettled, Unlisted: head.Unlisted,
		Others: head.Live - len(head.Gates),
	}, sent, published}
	for _, gate := range head.Gates {
		if gate.ID != self {
			a.receipt.Gates = append(a.receipt.Gates, GateReceipt{Gate: gate.ID})
		}
	}
	slices.SortFunc(a.receipt.Gates, func(x, y GateReceipt) int { return cmp.Compare(x.Gate, y.Gate) })
	return a
}

// see notes what a look at the store, at the boot time now, says about the gates. A head of
// another generation says nothing.
func (a *account) see(head store.Head, now time.Duration) {
	if a == nil || a.receipt.Position.Generation != head.Generation {
		return
	}
	for i := range a.receipt.Gates {
		g := &a.receipt.Gates[i]
		if g.Outcome != NotWaitedFor {
			continue
		}
		at := slices.IndexFunc(head.Gates, func(gate store.Gate) bool { return gate.ID == g.Gate })
		if at < 0 && head.Live <= len(head.Gates) {
			g.Outcome, g.After = Left, now-a.sent
			continue
		}
		if at < 0 {
			at = len(head.Gates) - 1 // a gate that the head does not name has applied as much
		}
		if at >= 0 && head.Gates[at].Applied >= a.receipt.Position.Seq {
			g.Outcome, g.After = Applied, now-a.sent
		}
	}
}

// fence notes that the leases of these gates had expired at the boot time now. If gates is
// nil, it notes it for all gates that have not confirmed.
func (a *account) fence(gates []store.GateID, now time.Duration) {
	if a == nil {
		return
	}
	for i := range a.receipt.Gates {
		if g := &a.receipt.Gates[i]; g.Outcome == NotWaitedFor && (gates == nil || slices.Contains(gates, g.Gate)) {
			g.Outcome, g.After = Fenced, now-a.sent
		}
	}
}

// leased notes that the wait ended because every lease had expired, at the boot time now.
func (a *account) leased(now time.Duration) {
	if a == nil {
		return
	}
	a.fence(nil, now)
	a.receipt.Lease = now - a.sent
}

// hand gives the receipt to the calls of the entry that want it.
func (a *account) hand(calls []*revoking) {
	if a == nil {
		return
	}
	for _, call := range calls {
		if call.wanted {
			call.receipt, call.published = a.receipt, a.published
			call.receipt.Gates = slices.Clone(a.receipt.Gates)
		}
	}
}
