package replica

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// clocks is what a replica knows about the store's clock.
type clocks struct {
	// store is the store's clock at the boot time boot, in Unix seconds. If it is zero, the
	// store has not named its time, and boot means nothing.
	store int64
	boot  time.Duration
	// off is how far the wall clock is ahead of the store's, beyond what the duration of the
	// call explains. It is negative if the wall clock is behind, and zero if they agree.
	off time.Duration
}

// observe notes the store's clock, which it read between the two moments asked and
// answered. answered is a wall clock in nanoseconds.
func (c *clocks) observe(now int64, asked Instant, boot time.Duration, answered int64) {
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

// times returns the present Unix second by the wall clock and by the store's clock. The
// latter continues from the last answer by the boot clock, which nobody sets. If it is not
// known, both are the wall clock's. The caller holds mu.
func (r *Replica) times() (wall, store int64) {
	wall = r.clock.Now().Wall / int64(time.Second)
	if r.clocks.store == 0 {
		return wall, wall
	}
	return wall, r.clocks.store + int64((r.clock.Boot()-r.clocks.boot)/time.Second)
}

// earlier returns the present second by the earlier of the two clocks. A revocation is
// forgotten only once it has expired by both, so that a clock that is ahead forgets
// nothing. The caller holds mu.
func (r *Replica) earlier() int64 {
	wall, store := r.times()
	return min(wall, store)
}

// skewed reports whether the wall clock and the store's are further apart than Options.Skew,
// by which revocations are kept longer. The clock of a local store stands still while the
// store is closed, so a wall clock that is ahead of it means nothing. The caller holds mu.
func (r *Replica) skewed() bool {
	off := r.clocks.off
	if r.fleet == nil {
		off = min(off, 0)
	}
	return off.Abs() > r.options.Load().Skew
}

// alarm logs when the clocks become skewed, and when they agree again. The caller holds mu.
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

// remember moves the expiry of new revocations, which callers compute by the wall clock, to
// the later of the two clocks. So a clock that is behind forgets nothing too early. If the
// wall clock is ahead, nobody can tell which of the two is wrong: the revocations then keep
// their expiry, and are kept for that much longer.
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

// bound adopts the bounds of the store: which tokens the log cannot judge. The caller holds
// mu, and calls bound before it extends a lease.
func (r *Replica) bound(b store.Bounds) {
	before := r.bounds
	r.bounds = before.Join(b)
	r.bounds.Swept = b.Swept // a new generation lowers it if a clock had been ahead
	r.lack(b.Swept)
	if b.Refused() > before.Refused() {
		r.options.Load().Logger.Error("the store lost revocations, and no gate knows which; this gate refuses all tokens issued up to the floor, and users have to log in again",
			"floor", time.Unix(r.bounds.Floor, 0).UTC())
	}
	r.settle()
}

// lack notes the second by which the log was trimmed, while this gate has no lease. The set
// lacks the revocations that were trimmed by then, unless it held all of them before. A
// lease is granted by a heartbeat that is sent after the log was read. The caller holds mu.
//
// Attack: have entries trimmed by a clock that is ahead, and start a gate then. The gate is
// no witness of these entries when the clock is right again.
func (r *Replica) lack(swept int64) {
	if !r.view.held && !r.leased() {
		r.purged = max(r.purged, swept)
	}
}

// overswept reports whether a set or log that has forgotten up to second did so by a clock
// that was ahead. now is the present second by the store's clock.
func (r *Replica) overswept(second, now int64) bool {
	return second > now+int64(r.options.Load().Skew/time.Second)
}

// unsweep lets tokens pass again that expire after the store's second now, and that were
// refused because a clock had been ahead. If the set has forgotten revocations by that
// clock, the replica first reads the log again; then unsweep returns true. The caller
// holds mu.
func (r *Replica) unsweep(now int64) (again bool) {
	switch {
	case !r.overswept(r.set.swept.Load(), now):
	case r.overswept(r.purged, now):
		r.restart()
		r.repaired(RepairClock)
		r.view.reread = true
		return true
	default:
		r.set.swept.Store(max(r.purged, r.bounds.Swept))
	}
	return false
}

// SetLease changes the lease of the fleet, by the word of an operator. A longer lease
// counts at once, also for the waits of every gate. A shorter lease is granted at once, but
// waits become shorter only when every longer lease has expired.
func (r *Replica) SetLease(ctx context.Context, lease time.Duration) error {
	if r.fleet == nil {
		return errors.New("changing the lease: no other gate uses the store, so there is no lease")
	}
	bounded, cancel := context.WithTimeout(ctx, localCall)
	defer cancel()
	sent := r.clock.Boot()
	head, err := r.fleet.SetLease(bounded, lease)
	r.called(OpSettings, err)
	if err != nil {
		return fmt.Errorf("changing the lease: %w", err)
	}
	r.applyHead(head, sent)
	r.beats.ring()
	return nil
}

// LowerFloor lets tokens pass again that are refused only because they were issued before a
// loss, by the word of an operator. Heartbeats tell the other gates.
func (r *Replica) LowerFloor(ctx context.Context) error {
	if r.Status().Bounds.Refused() == 0 {
		return errors.New("lowering the floor: there is none")
	}
	if local, ok := r.store.(store.Local); ok {
		err := local.LowerFloor(ctx)
		if r.called(OpSettings, err); err != nil {
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

// forget removes expired revocations from the set. It returns the second up to which it
// did, or zero if it must not. A gate without a lease forgets nothing: it may not have heard
// that a raised retention keeps revocations beyond their expiry.
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

// Retention returns how long revocations have to be kept. That is the longest retention
// that any gate of the fleet was configured to, because that gate admits tokens that live
// as long.
func (r *Replica) Retention() time.Duration {
	return max(r.options.Load().Retention, time.Duration(r.retention.Load()))
}

// retain tells a local store how long revocations are kept. Before that the replica admits
// and forgets nothing. For other stores it does nothing.
func (r *Replica) retain(ctx context.Context) error {
	local, ok := r.store.(store.Local)
	if !ok {
		return nil
	}
	o := r.options.Load()
	bounded, cancel := context.WithTimeout(ctx, localCall)
	defer cancel()
	longest, bounds, err := local.Retain(bounded, o.Retention, o.Margin)
	r.called(OpSettings, err)
	if err != nil {
		return fmt.Errorf("writing the retention to the store: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retained(longest)
	r.bound(bounds)
	return nil
}

// outlive refuses tokens that may have outlived their revocations, because this gate now
// admits tokens that live longer than the retention that the store knows. Once the store
// knows the new retention, its bounds say which tokens these are. Until then outlive
// computes what they would say. The caller holds mu.
//
// Attack: right after the configuration is changed, use a token that lives longer than any
// gate admitted so far, and whose revocation was forgotten.
func (r *Replica) outlive(retention time.Duration) {
	known := time.Duration(r.retention.Load())
	if known == 0 || retention <= known {
		return
	}
	r.mayOutlive = max(r.earlier(), r.bounds.Swept, r.purged) - int64(known/time.Second)
	r.settle()
}

// retained notes how long the store keeps revocations. The caller holds mu, and adopts the
// store's bounds next.
func (r *Replica) retained(longest time.Duration) {
	r.retention.Store(max(r.retention.Load(), int64(longest)))
	if longest >= r.options.Load().Retention {
		r.mayOutlive = 0
	}
}

// settle makes the set refuse the tokens that the bounds name. The caller holds mu.
func (r *Replica) settle() {
	b := r.bounds
	b.Forgotten = max(b.Forgotten, r.mayOutlive)
	r.set.bound(b)
}
