package hub

import (
	"context"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

const (
	// MaxLeeway is the longest leeway that a gate may have.
	MaxLeeway = 5 * time.Minute
	// Margin is for how much longer than the retention a revocation is kept.
	Margin = 2*MaxLeeway + store.ClockSkew
)

// Key names something of an issuer in the namespace of the store.
func (h *Hub) Key(kind store.Kind, issuer, value string) store.Key {
	return store.NewKey(h.namespace, kind, issuer, value)
}

// Retention is the longest retention of the fleet, and zero until the store is open.
func (h *Hub) Retention() time.Duration {
	if !h.isOpen.Load() {
		return 0
	}
	return h.replica.Retention()
}

// Expires is the Unix second until which a revocation made now is kept.
//
// Invariant 4: longer than any token that it names can be accepted, at
// any gate of the fleet. The leeway counts twice: a token may be issued that much
// ahead of our clock, and is accepted for that long after its end. It is the
// longest that there is, because another gate may have more than this one.
func (h *Hub) Expires(now time.Time) int64 {
	retention := h.Retention()
	end, step := now.Add(retention+Margin).Unix(), int64(roundTo(retention)/time.Second)
	return end - end%step + step
}

// roundTo is what expiries are rounded up to: a 64th of the retention, at least a
// minute and at most an hour. Revoking again within that time moves no expiry, so
// that the log takes a bounded number of entries for one logout, however often it is
// repeated.
func roundTo(retention time.Duration) time.Duration {
	return min(max(retention/64, time.Minute), time.Hour)
}

// AwaitAfter returns when a Unix second has passed by this gate's clock, or ctx ends. It
// is for callers that have revoked what was issued up to that second (invariant 5): a
// login right after the answer must not be refused. The second is within the leeway of
// now, but for a clock that was set back, so it returns after MaxLeeway and a second at
// the latest.
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
