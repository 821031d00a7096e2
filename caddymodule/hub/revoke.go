package hub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// Cause says who revokes, and why. It decides nothing. Events carry it, and the revocation
// log keeps the source and the reason.
type Cause struct {
	// Source is the way by which the revocation was asked for.
	Source store.Source
	// Issuer is the exact `iss`.
	Issuer string
	// Reason is the operator's, or "".
	Reason string
	// Subject is the `sub` of the user whose session or tokens end, "" if the caller does not
	// know it. Only the gate's own log and the webhook may name it, and only if the operator
	// wants that.
	Subject string
}

// Outcome is what became of a call that revokes.
type Outcome struct {
	Cause
	// Revocations are those that were named, and those of the sessions that a named token
	// belongs to.
	Revocations []store.Revocation
	// Took is the time from the first call until now.
	Took time.Duration
	// Err is why the revocations are not confirmed, nil if they hold everywhere.
	Err error
	// Receipt says how the revocations came to hold everywhere. It is zero if they do not,
	// and if they were retried.
	Receipt replica.Receipt
}

// Events receives the events for subscribers. Its methods return at once, and may be called
// concurrently. They may keep the slice of an Outcome.
type Events interface {
	replica.Observer
	// Revoked is called once for revocations that hold everywhere.
	Revoked(Outcome)
	// Pending is called for revocations that hold at this gate and are not confirmed
	// everywhere. The gate retries them, and then calls Revoked, once if they are confirmed
	// together.
	Pending(Outcome)
}

// from returns the revocations with their origin, for people who read the log.
func (c Cause) from(revocations []store.Revocation) []store.Revocation {
	origin := store.Origin{Source: c.Source, Reason: c.Reason, Made: time.Now().Unix()}
	if origin.Validate() != nil {
		origin.Reason = "" // the log takes no such text
	}
	marked := slices.Clone(revocations)
	for i := range marked {
		marked[i].Origin = origin
	}
	return marked
}

type noEvents struct{}

func (noEvents) StoreDown(replica.Trouble, time.Duration) {}
func (noEvents) StoreUp(time.Duration)                    {}
func (noEvents) Revoked(Outcome)                          {}
func (noEvents) Pending(Outcome)                          {}

// Receipt says what was revoked, and how the revocation came to hold everywhere.
type Receipt struct {
	replica.Receipt
	// Revoked are the revocations that were named, and those of the sessions that a
	// named token belongs to.
	Revoked []store.Revocation
}

// Revoke makes revocations hold everywhere. For a token or a session, it also revokes all
// that is known to belong to it. Every way to revoke uses it: the endpoints, the operator's
// commands, and the issuer's logout. It continues if ctx is cancelled, and ends within two
// leases and a second.
//
// After an error other gates may not know the revocations yet. If the store is open, they
// hold at this gate, and the gate retries them until they hold everywhere.
func (h *Hub) Revoke(ctx context.Context, why Cause, revocations ...store.Revocation) error {
	_, err := h.RevokeWithReceipt(ctx, why, revocations...)
	return err
}

// RevokeWithReceipt is Revoke, and also returns a receipt.
func (h *Hub) RevokeWithReceipt(ctx context.Context, why Cause, revocations ...store.Revocation) (Receipt, error) {
	if !h.isOpen.Load() {
		return Receipt{}, fmt.Errorf("revoking: %w", store.ErrClosed)
	}
	began, named := time.Now(), why.from(revocations)
	ctx, cancel := h.limit(ctx)
	defer cancel()
	all, err := h.withSessions(ctx, named)
	if err != nil {
		err = fmt.Errorf("revoking: %w", err)
		h.revokeLater(why, began, err, named)
		return Receipt{}, err
	}
	receipt, err := h.replica.RevokeWithReceipt(ctx, all...)
	if err == nil {
		h.trace(ctx, receipt)
		err = h.revokeTokensOf(ctx, all...)
	}
	if err != nil {
		h.retryLater(why, began, err, all)
		return Receipt{}, err
	}
	h.retries.remove(all)
	h.ended.Applied(all) // the log may be read later, or not say when
	h.events.Revoked(Outcome{Cause: why, Revocations: all, Took: time.Since(began), Receipt: receipt})
	if h.lagging.Load() {
		sessions := slices.DeleteFunc(slices.Clone(all), func(r store.Revocation) bool { return r.Kind != store.KindSession })
		h.retries.add(h.retryPause(), nil, sessions...)
	}
	return Receipt{receipt, all}, nil
}

// RevokeOnce is Revoke for callers that may repeat the same revocation often. Calls for the
// same revocation of a subject share one, until its second has passed.
func (h *Hub) RevokeOnce(ctx context.Context, why Cause, revocation store.Revocation) error {
	return h.once.do(revocation, func() error { return h.Revoke(ctx, why, revocation) })
}

// RevokeLater revokes at this gate at once, and retries in the background until the
// revocations hold everywhere. Use it if the revocations cannot be confirmed now. Until the
// store is open it does nothing.
func (h *Hub) RevokeLater(why Cause, revocations ...store.Revocation) {
	if h.isOpen.Load() {
		err := h.replica.Status().Err
		if err == nil {
			err = errors.New("the store did not say what belongs to the token")
		}
		h.revokeLater(why, time.Now(), err, why.from(revocations))
	}
}

func (h *Hub) revokeLater(why Cause, began time.Time, err error, revocations []store.Revocation) {
	h.replica.RevokeLater(revocations...)
	h.retryLater(why, began, err, revocations)
}

// retryLater retries revocations that hold at this gate, until they hold everywhere.
func (h *Hub) retryLater(why Cause, began time.Time, err error, revocations []store.Revocation) {
	h.retries.add(h.retryPause(), &unheard{why, began}, revocations...)
	h.events.Pending(Outcome{Cause: why, Revocations: revocations, Took: time.Since(began), Err: err})
}

// Repeat revokes once more, if the first of the revocations is in the revocation log
// already. It reports whether it is. The repeat prolongs the first revocation. It returns
// when the revocation holds everywhere, with all that belongs to it. Subscribers receive no
// event, so that one token cannot flood an audit of logouts.
func (h *Hub) Repeat(ctx context.Context, revocations ...store.Revocation) (repeated bool, err error) {
	if !h.isOpen.Load() || !h.replica.Repeats(revocations[0]) {
		return false, nil
	}
	ctx, cancel := h.limit(ctx)
	defer cancel()
	if _, err := h.complete(ctx, revocations...); err != nil {
		h.logger.Error("a repeated logout was not confirmed by the store; the revocation holds at this gate",
			"kind", revocations[0].Kind.String(), "key", revocations[0].Key, "revocations", len(revocations), "error", err)
		return true, err
	}
	return true, nil
}

// Mark makes every gate hold a key that no token carries, such as that of a received
// logout token. It is a revocation without an event and without anything that belongs
// to it.
func (h *Hub) Mark(ctx context.Context, mark store.Revocation) error {
	if !h.isOpen.Load() {
		return fmt.Errorf("marking: %w", store.ErrClosed)
	}
	return h.replica.Revoke(ctx, mark)
}

// limit returns the context of a whole revoking call: without the caller's cancellation,
// and with its deadline if that is earlier.
func (h *Hub) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	ctx = context.WithoutCancel(ctx)
	timeout := h.replica.RevokeTimeout()
	end := time.Now().Add(timeout)
	switch {
	case bounded && (timeout == 0 || deadline.Before(end)):
		return context.WithDeadline(ctx, deadline)
	case timeout == 0: // the store of one machine has its own limit
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, end)
}
