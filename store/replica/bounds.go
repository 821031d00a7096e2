package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// clocks is what a replica knows of the store's clock beside its own.
type clocks struct {
	// store is the store's clock at the boot time boot, in Unix seconds; zero if it
	// never told. Then boot means nothing.
	store int64
	boot  time.Duration
	// off is by how much the wall clock is ahead of the store's beyond what the way
	// there and back explains: negative if it is behind, zero if they agree.
	off time.Duration
}

// heard takes up the store's clock, told between two moments.
func (c *clocks) heard(now int64, asked Instant, boot time.Duration, answered int64) {
	if now == 0 {
		return
	}
	c.store, c.boot, c.off = now, boot, 0
	if ahead := time.Duration(asked.Wall) - time.Duration(now+1)*time.Second; ahead > 0 {
		c.off = ahead
	} else if behind := time.Duration(answered) - time.Duration(now)*time.Second; behind < 0 {
		c.off = behind
	}
}

// times are the present second by the wall clock, and by the store's as far as it is
// known: it goes on by the boot clock, which nobody sets. The caller holds mu.
func (r *Replica) times() (wall, store int64) {
	wall = r.clock.Now().Wall / int64(time.Second)
	if r.clocks.store == 0 {
		return wall, wall
	}
	return wall, r.clocks.store + int64((r.clock.Boot()-r.clocks.boot)/time.Second)
}

// earlier is the present second by the earlier of the two clocks: what is forgotten
// is forgotten by both, so that one that is ahead forgets nothing. The caller holds
// mu.
func (r *Replica) earlier() int64 {
	wall, store := r.times()
	return min(wall, store)
}

// skewed reports whether the wall clock and the store's are further apart than
// revocations are made for. The clock of a store of this machine's own stands still
// while it is closed, so that being ahead of it means nothing. The caller holds mu.
func (r *Replica) skewed() bool {
	off := r.clocks.off
	if r.fleet == nil {
		off = min(off, 0)
	}
	return off.Abs() > r.options.Load().Skew
}

// alarm logs that the clocks are apart, or no longer are. The caller holds mu.
func (r *Replica) alarm() {
	skewed := r.skewed()
	if skewed == r.apart {
		return
	}
	r.apart = skewed
	o := r.options.Load()
	if !skewed {
		o.Logger.Info("the clocks of this machine and of the store agree again")
		return
	}
	o.Logger.Error("the clocks of this machine and of the store are too far apart; set both by NTP. Until then this gate keeps revocations for longer",
		"ahead", r.clocks.off, "allowed", o.Skew)
}

// remember moves the expiry of what is revoked now, by the wall clock, to the later
// of the two clocks: one that is behind forgets nothing too early. Whether a wall clock
// that is ahead is wrong, or the store's that is behind, nobody can tell, so that what
// is revoked by it is kept for that much longer.
func (r *Replica) remember(revocations []store.Revocation) []store.Revocation {
	r.mu.Lock()
	wall, now := r.times()
	r.mu.Unlock()
	by := now - wall
	if by <= int64(r.options.Load().Skew/time.Second) {
		return revocations
	}
	moved := make([]store.Revocation, len(revocations))
	for i, revocation := range revocations {
		revocation.Expires += by
		moved[i] = revocation
	}
	return moved
}

// bound takes up what the store says of tokens that the log cannot judge. The caller
// holds mu, and applies it before it extends a lease.
func (r *Replica) bound(b store.Bounds) {
	before := r.bounds
	r.bounds = before.Join(b)
	r.bounds.Swept = b.Swept // it falls with a new generation, where the clock had been ahead
	r.lack(b.Swept)
	if b.Refused() > before.Refused() {
		r.options.Load().Logger.Error("the store lost revocations, and no gate knows which; this gate refuses all tokens issued up to the floor, and users have to log in again",
			"floor", time.Unix(r.bounds.Floor, 0).UTC())
	}
	r.settle()
}

// lack notes, before this gate has a lease, the second by which the log was trimmed: what
// was forgotten by then this set lacks, unless it held all before. A lease is granted by
// a heartbeat that is sent after the log was read. The caller holds mu.
//
// Attack: have entries trimmed by a clock that is ahead, and a gate start then. It is no
// witness of them when the clock is right again.
func (r *Replica) lack(swept int64) {
	if !r.view.held && !r.leased() {
		r.purged = max(r.purged, swept)
	}
}

// overswept reports whether what was forgotten up to a second was forgotten by a clock
// that was ahead: the store's clock says now only.
func (r *Replica) overswept(second, now int64) bool {
	return second > now+int64(r.options.Load().Skew/time.Second)
}

// unsweep lets tokens pass again that expire after the store's second now, where they
// were refused because a clock had been ahead. If this set has forgotten by that
// clock, what is on the log is read again first. It reports whether it is. The caller
// holds mu.
func (r *Replica) unsweep(now int64) (again bool) {
	switch {
	case !r.overswept(r.set.swept.Load(), now):
	case r.overswept(r.purged, now):
		r.restart()
		r.view.anew = true
		return true
	default:
		r.set.swept.Store(max(r.purged, r.bounds.Swept))
	}
	return false
}

// SetLease changes the lease of the fleet, by the word of an operator. One that is
// raised counts at once, for the waits of every gate, too; one that is lowered is
// granted at once, and waits are shorter when every longer lease is over.
func (r *Replica) SetLease(ctx context.Context, lease time.Duration) error {
	if r.fleet == nil {
		return errors.New("changing the lease: no other gate uses the store, so there is no lease")
	}
	bounded, cancel := context.WithTimeout(ctx, localCall)
	defer cancel()
	sent := r.clock.Boot()
	head, err := r.fleet.SetLease(bounded, lease)
	if err != nil {
		return fmt.Errorf("changing the lease: %w", err)
	}
	r.takeUp(head, sent)
	r.beats.ring()
	return nil
}

// LowerFloor lets tokens pass again that are refused only because they were issued
// before a loss, by the word of an operator. The fleet hears of it by heartbeats.
func (r *Replica) LowerFloor(ctx context.Context) error {
	if r.Status().Bounds.Refused() == 0 {
		return errors.New("lowering the floor: there is none")
	}
	if local, ok := r.store.(store.Local); ok {
		if err := local.LowerFloor(ctx); err != nil {
			return fmt.Errorf("lowering the floor: %w", err)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bounds.Lowered = r.bounds.Floor
	r.settle()
	r.beats.ring()
	return nil
}

// forget forgets in the set what has expired, and returns the second until which it
// did, or zero if it must not. A gate without a lease forgets nothing: it may not have
// heard that a raised retention holds what has expired.
func (r *Replica) forget() int64 {
	r.mu.Lock()
	now, hold := r.earlier(), r.bounds.Hold
	known := r.fleet == nil || r.clocks.store != 0 && r.leased()
	if now < hold || !known {
		r.mu.Unlock()
		return 0
	}
	r.purged = max(r.purged, now)
	r.mu.Unlock()
	r.set.purge(now)
	return now
}

// Retention is for how long revocations have to be kept: for the longest that any
// gate of the fleet was configured to, because that gate admits tokens which live
// as long.
func (r *Replica) Retention() time.Duration {
	return max(r.options.Load().Retention, time.Duration(r.retention.Load()))
}

// retain tells a store of this machine's own for how long revocations are kept.
// Before it is told, nothing is admitted or forgotten.
func (r *Replica) retain(ctx context.Context) error {
	local, ok := r.store.(store.Local)
	if !ok {
		return nil
	}
	o := r.options.Load()
	bounded, cancel := context.WithTimeout(ctx, localCall)
	defer cancel()
	longest, bounds, err := local.Retain(bounded, o.Retention, o.Margin)
	if err != nil {
		return fmt.Errorf("writing the retention to the store: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retained(longest)
	r.bound(bounds)
	return nil
}

// outlive refuses tokens that may have outlived their revocations, because this gate
// admits them for longer than the store was told. The store says which as soon as it is
// told; until then it is what the store would say now. The caller holds mu.
//
// Attack: a token that is good for longer than any gate admitted so far, whose revocation
// was forgotten, right after the configuration is changed.
func (r *Replica) outlive(retention time.Duration) {
	known := time.Duration(r.retention.Load())
	if known == 0 || retention <= known {
		return
	}
	r.untold = max(r.earlier(), r.bounds.Swept, r.purged) - int64(known/time.Second)
	r.settle()
}

// retained takes up for how long the store keeps revocations. The caller holds mu, and
// takes up the store's bounds next.
func (r *Replica) retained(longest time.Duration) {
	r.retention.Store(max(r.retention.Load(), int64(longest)))
	if longest >= r.options.Load().Retention {
		r.untold = 0
	}
}

// settle has the set refuse what the bounds say. The caller holds mu.
func (r *Replica) settle() {
	b := r.bounds
	b.Forgotten = max(b.Forgotten, r.untold)
	r.set.bound(b)
}
