package operator

import (
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
)

// Receipt says how a revocation came to hold everywhere. It is the answer of `POST
// /session_gate/revocations`. Times are seconds.
type Receipt struct {
	Issuer  string    `json:"issuer"`
	Revoked []Revoked `json:"revoked"`
	// Shared reports whether a fleet of gates uses the store. If not, this gate is the
	// only one.
	Shared bool `json:"shared"`
	// Position is the number of the entry in the revocation log. If the log held the
	// revocation before, it is the number of the last entry.
	Position uint64 `json:"position"`
	// TookSeconds is how long it took until the revocation held everywhere.
	TookSeconds Seconds `json:"took_seconds"`
	// Gate is the id of the gate that revoked first, at the operator's request.
	Gate string `json:"gate,omitempty"`
	// Gates are the other gates that were live then, at most 32. Others is how many more
	// there were.
	Gates  []ReceiptGate `json:"gates,omitempty"`
	Others int           `json:"others,omitempty"`
	// LeaseSeconds is how long it took until every lease with which a gate might have
	// admitted had expired. Absent if the revocation did not have to wait for that.
	LeaseSeconds Seconds `json:"lease_seconds,omitempty"`
	// Unsettled reports whether a lease had to pass because the revocation log was new.
	Unsettled bool `json:"unsettled,omitempty"`
	// Unlisted reports whether a lease had to pass because of gates with
	// `acknowledge lease`.
	Unlisted bool `json:"unlisted,omitempty"`
	// StoreOnly reports whether the gate waited for the store alone (`acknowledge store`).
	StoreOnly bool `json:"store_only,omitempty"`
	// Unlooked is why nobody could look whether a gate has seen what is revoked. Absent if a
	// gate has seen it, or was not to look.
	Unlooked string `json:"unlooked,omitempty"`
}

// Revoked is a revocation by its hash prefix, as logs and events show it.
type Revoked struct {
	Kind      string     `json:"kind"`
	Key       string     `json:"key"`
	NotBefore *time.Time `json:"not_before,omitempty"`
}

// ReceiptGate is the outcome at another gate: it applied the revocation, left, was fenced,
// or was not_waited_for. AfterSeconds is when.
type ReceiptGate struct {
	Gate         string  `json:"gate"`
	Outcome      string  `json:"outcome"`
	AfterSeconds Seconds `json:"after_seconds"`
}

func (g gate) receiptOf(issuer string, from hub.Receipt) Receipt {
	answer := Receipt{
		Issuer: issuer, Shared: g.settings.Store.Shared, Position: from.Position.Seq, TookSeconds: secondsOf(from.Took),
		LeaseSeconds: secondsOf(from.Lease), Unsettled: from.Unsettled, StoreOnly: from.StoreOnly,
		Unlisted: from.Unlisted, Others: from.Others,
	}
	if from.Gate != 0 {
		answer.Gate = from.Gate.String()
	}
	for _, other := range from.Gates {
		answer.Gates = append(answer.Gates, ReceiptGate{other.Gate.String(), other.Outcome.String(), secondsOf(other.After)})
	}
	for _, r := range from.Revoked {
		name := Revoked{Kind: r.Kind.String(), Key: r.Key.String()}
		if r.Kind.HasInstant() {
			notBefore := unix(r.NotBefore)
			name.NotBefore = &notBefore
		}
		answer.Revoked = append(answer.Revoked, name)
	}
	return answer
}
