package replica

import (
	"context"
	"errors"
	"fmt"

	"github.com/sessiongate/sessiongate/store"
)

// Raise makes every gate of the fleet refuse the tokens that another log could not judge,
// which was copied to this one: those issued up to the Floor and the Forgotten of its
// bounds. When it returns nil, no gate admits them any more.
//
// Heartbeats carry the bounds to the store, and answers carry them to the other gates. A
// gate applies the bounds of an answer before it extends its lease. So Raise waits until
// the store has the bounds, and then until every lease that was granted before has expired.
func (r *Replica) Raise(ctx context.Context, b store.Bounds) error {
	b = store.Bounds{Floor: b.Floor, Forgotten: b.Forgotten}
	local, ok := r.store.(interface {
		Raise(context.Context, store.Bounds) error
	})
	switch {
	case ok:
		err := local.Raise(ctx, b)
		if r.called(OpSettings, err); err != nil {
			return err
		}
	case r.fleet == nil:
		return errors.New("raising the floor: this store cannot keep one")
	}
	r.mu.Lock()
	raised := r.bounds.Join(b)
	r.bound(raised)
	r.mu.Unlock()
	if r.fleet == nil {
		return nil
	}
	for {
		lease := r.lease(r.options.Load())
		r.beats.ring()
		bounded, cancel := context.WithTimeout(ctx, call(lease))
		head, err := r.fleet.Look(bounded)
		cancel()
		r.called(OpLook, err)
		switch {
		case err != nil:
			return fmt.Errorf("raising the floor: %w", err)
		case head.Bounds.Join(b) == head.Bounds:
			if !pause(ctx, r.margin(lease)) {
				return ctx.Err()
			}
			return nil
		case !pause(ctx, lease/16):
			return ctx.Err()
		}
	}
}
