package operator

import (
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
)

// Receipt tells an operator how a revocation came to hold everywhere. It is the
// answer of `POST /session_gate/revocations`. Times are seconds.
type Receipt struct {
	Issuer  string    `json:"issuer"`
	Revoked []Revoked `json:"revoked"`
	// Shared says that a fleet of gates uses the store. Without it this gate is the
	// only one, and there is nothing to say of others.
	Shared bool `json:"shared"`
	// Position is the number of the entry on the revocation log, or of the last one if
	// the log held all of it before.
	Position uint64 `json:"position"`
	// TookSeconds is how long it was until it held everywhere.
	TookSeconds Seconds `json:"took_seconds"`
	// Gate is the id of the gate that was asked, which had it first.
	Gate string `json:"gate,omitempty"`
	// Gates are the other gates that were live then, at most 32 of them. Others is how
	// many there were besides.
	Gates  []ReceiptGate `json:"gates,omitempty"`
	Others int           `json:"others,omitempty"`
	// LeaseSeconds is how long it was until every lease was over that might have
	// been admitting. Absent if nobody had to wait for that.
	LeaseSeconds Seconds `json:"lease_seconds,omitempty"`
	// Unsettled says that a lease had to pass because the log was young.
	Unsettled bool `json:"unsettled,omitempty"`
	// Unlisted says that a lease had to pass because of gates with `acknowledge lease`.
	Unlisted bool `json:"unlisted,omitempty"`
	// StoreOnly says that no other gate was waited for (`acknowledge store`).
	StoreOnly bool `json:"store_only,omitempty"`
}

// Revoked is a revocation by its hash prefix, as logs and events show it.
type Revoked struct {
	Kind      string     `json:"kind"`
	Key       string     `json:"key"`
	NotBefore *time.Time `json:"not_before,omitempty"`
}

// ReceiptGate is what another gate made of it: applied, left, fenced or
// not_waited_for.
type ReceiptGate struct {
	Gate         string  `json:"gate"`
	Outcome      string  `json:"outcome"`
	AfterSeconds Seconds `json:"after_seconds"`
}

func (g gate) receiptOf(issuer string, from hub.Receipt) Receipt {
	told := Receipt{
		Issuer: issuer, Shared: g.settings.Store.Shared, Position: from.Position.Seq, TookSeconds: secondsOf(from.Took),
		LeaseSeconds: secondsOf(from.Lease), Unsettled: from.Unsettled, StoreOnly: from.StoreOnly,
		Unlisted: from.Unlisted, Others: from.Others,
	}
	if from.Gate != 0 {
		told.Gate = from.Gate.String()
	}
	for _, other := range from.Gates {
		told.Gates = append(told.Gates, ReceiptGate{other.Gate.String(), other.Outcome.String(), secondsOf(other.After)})
	}
	for _, r := range from.Revoked {
		name := Revoked{Kind: r.Kind.String(), Key: r.Key.String()}
		if r.Kind.HasInstant() {
			notBefore := unix(r.NotBefore)
			name.NotBefore = &notBefore
		}
		told.Revoked = append(told.Revoked, name)
	}
	return told
}
