package replica

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Receipt tells how a revocation came to hold everywhere.
type Receipt struct {
	// Position is right after the entry on the log that holds it, or the end of the log
	// if that held all of it before. Revocations that were on their way together share
	// an entry.
	Position store.Position
	// Took is how long it was from the call to the answer.
	Took time.Duration
	// Gate is this replica, which held it first. It is zero if the store is this
	// machine's own, where there is no other gate.
	Gate store.GateID
	// Gates are other gates that were on the list when the entry was put on the log,
	// in the order of their ids: all of them, or store.MaxGates at the most. Others is
	// how many there were besides.
	Gates  []GateReceipt
	Others int
	// Lease is how long it was until every lease was over that might have been
	// admitting without the revocation. It is zero if nobody had to wait for that,
	// because every gate said that it had the entry, or was gone.
	Lease time.Duration
	// Unsettled says that a lease had to pass whatever the gates said, because the
	// log was young: a gate that is not among Gates may have been admitting. Unlisted
	// says it of gates that are on no list (AcknowledgeLease).
	Unsettled bool
	Unlisted  bool
	// StoreOnly says that no gate was waited for (AcknowledgeStore): the others
	// follow within a lease.
	StoreOnly bool
}

// GateReceipt tells what one gate made of an entry.
type GateReceipt struct {
	Gate    store.GateID
	Outcome Outcome
	// After is how long it was from asking the store until the outcome was seen. Looks
	// at the store are milliseconds apart, up to a tenth of a second.
	After time.Duration
}

// Outcome is what became of a gate that had to apply an entry.
type Outcome uint8

const (
	// NotWaitedFor: nothing was heard, and nobody waited.
	NotWaitedFor Outcome = iota
	// Applied: the gate said that it holds the entry. If there are Others, it may have
	// left instead.
	Applied
	// Left: the gate is not on the list any more. It stopped, or another gate found
	// that it had sent no heartbeat for a lease. Either way it admits nothing.
	Left
	// Fenced: the gate sent no heartbeat until its lease was over, so that it admits
	// nothing.
	Fenced
)

// String is "not_waited_for", "applied", "left" or "fenced".
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

// RevokeWithReceipt is Revoke, and tells how it went. The receipt is zero if the
// call fails: then what came of it is not known.
func (r *Replica) RevokeWithReceipt(ctx context.Context, revocations ...store.Revocation) (Receipt, error) {
	began := r.clock.Boot()
	call := &revoking{revocations: revocations, wanted: true}
	if err := r.revoke(ctx, call); err != nil {
		return Receipt{}, err
	}
	call.receipt.Took = r.clock.Boot() - began
	return call.receipt, nil
}

// account is what an entry's receipt is written from. There is none unless
// somebody wants a receipt, so that others do not pay for it.
type account struct {
	receipt Receipt
	sent    time.Duration // boot time before the entry was published
}

// open begins the account of an entry that was published at the boot time sent.
func open(calls []*revoking, self store.GateID, head store.Head, sent time.Duration) *account {
	if !slices.ContainsFunc(calls, func(c *revoking) bool { return c.wanted }) {
		return nil
	}
	a := &account{Receipt{
		Position: head.Position, Gate: self, Unsettled: head.State != store.StateSettled, Unlisted: head.Unlisted,
		Others: head.Live - len(head.Gates),
	}, sent}
	for _, gate := range head.Gates {
		if gate.ID != self {
			a.receipt.Gates = append(a.receipt.Gates, GateReceipt{Gate: gate.ID})
		}
	}
	slices.SortFunc(a.receipt.Gates, func(x, y GateReceipt) int { return cmp.Compare(x.Gate, y.Gate) })
	return a
}

// see notes what a look at the store says about the gates, at the boot time now. Of
// another generation it says nothing.
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
			at = len(head.Gates) - 1 // a gate that is not named has applied as much
		}
		if at >= 0 && head.Gates[at].Applied >= a.receipt.Position.Seq {
			g.Outcome, g.After = Applied, now-a.sent
		}
	}
}

// fence notes that the leases of gates were over at the boot time now, or those of all
// of which nothing was heard, if gates is nil.
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

// leased notes that the wait ended with the leases, at the boot time now.
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
			call.receipt = a.receipt
			call.receipt.Gates = slices.Clone(a.receipt.Gates)
		}
	}
}
