package hub

import (
	"context"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

const (
	// MaxLeeway is the longest leeway that a gate may have.
	MaxLeeway = 5 * time.Minute
	// Margin is how much longer than the retention a revocation is kept.
	Margin = 2*MaxLeeway + store.ClockSkew
)

// Key returns the key in the store for a value of an issuer.
func (h *Hub) Key(kind store.Kind, issuer, value string) store.Key {
	return store.NewKey(h.namespace, kind, issuer, value)
}

// SessionKey returns the key of the session that an id of an issuer names: the value of a
// session claim, or the id of a login (store.LoginID).
func (h *Hub) SessionKey(issuer, id string) store.Key {
	if login, ok := store.ParseLoginID(id); ok {
		return login
	}
	return h.Key(store.KindSession, issuer, id)
}

// Retention is the longest retention of the fleet, and zero until the store is open.
func (h *Hub) Retention() time.Duration {
	if !h.isOpen.Load() {
		return 0
	}
	return h.replica.Retention()
}

// Expires returns the Unix second until which a revocation made now is kept.
//
// Invariant 4: that is longer than any gate of the fleet can accept a token that the
// revocation names. The leeway counts twice: a token may be issued that far ahead of our
// clock, and is accepted for that long after `exp`. The leeway used is MaxLeeway, because
// another gate may have a longer leeway than this one.
func (h *Hub) Expires(now time.Time) int64 {
	retention := h.Retention()
	end, step := now.Add(retention+Margin).Unix(), int64(roundTo(retention)/time.Second)
	return end - end%step + step
}

// roundTo is the step to which expiries are rounded up: a 64th of the retention, at least a
// minute and at most an hour. Repeating a revocation within that time does not change its
// expiry. So a repeated logout adds a bounded number of entries to the revocation log.
func roundTo(retention time.Duration) time.Duration {
	return min(max(retention/64, time.Minute), time.Hour)
}

// AwaitAfter returns when a Unix second has passed by this gate's clock, or ctx ends.
// It is for callers that have revoked all that was issued up to that second (invariant
// 5): a login right after the answer must not be refused. The second is within the
// leeway of now, unless the clock was set back. So AwaitAfter returns after at most
// MaxLeeway and a second.
func AwaitAfter(ctx context.Context, second int64) {
	ctx, cancel := context.WithTimeout(ctx, MaxLeeway+time.Second)
	defer cancel()
	for time.Now().Unix() <= second {
		timer := time.NewTimer(time.Until(time.Unix(second+1, 0)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}
