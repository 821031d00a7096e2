package replica

import (
	"context"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// remindEvery is how often a lasting condition is logged again.
const remindEvery = time.Minute

// condition is why a replica cannot prove that its set is fresh.
type condition uint8

const (
	provenFresh  condition = iota // it can
	admitsOld                     // it admits by an old set
	leaseExpired                  // it admits nothing, as all of the following
	neverSynced                   // it has not read the log since it started, for long
	restoring                     // the gates restore the log
	awaitsPermit                  // an operator has to permit opening the log
)

// fenced reports whether the replica admits nothing.
func (c condition) fenced() bool { return c >= leaseExpired }

// warningOf returns the log message for a condition that is not fresh.
func warningOf(c condition) string {
	switch c {
	case admitsOld:
		return "this gate admits requests by an old set: it does not know the latest revocations of other gates"
	case neverSynced:
		return "this gate refuses requests: since it started, it could not read all revocations"
	case awaitsPermit:
		return "this gate refuses requests: the revocation log may have lost revocations, and no gate can confirm its contents; find out what happened to the store, then run caddy session-gate bootstrap"
	case restoring:
		return "this gate refuses requests: the revocation log may have lost revocations, and the gates are restoring it"
	default:
		return "this gate refuses requests: its lease has expired"
	}
}

// watched is what watch has logged last.
type watched struct {
	condition
	// since is the boot time at which the replica was first seen fenced, or first seen to
	// admit by an old set. logged is that of the last line.
	since, logged time.Duration
}

// watch checks every second, until ctx ends, whether the set is provably fresh. If it is not,
// watch counts the second. It logs the beginning, each change and the end of that, and a
// reminder once a minute. It does the same for a replica that has not synced a minute after its
// start. It also logs that a store is new, once.
func (r *Replica) watch(ctx context.Context) {
	var last watched
	announced, began := false, r.clock.Boot()
	for pause(ctx, time.Second) {
		status := r.Status()
		if status.New && !announced {
			announced = true
			r.announceNew()
		}
		if !status.Synced && (status.New || r.clock.Boot()-began < remindEvery) {
			continue
		}
		if status.Synced && status.Degraded {
			r.mu.Lock()
			r.degraded++
			r.mu.Unlock()
		}
		r.tell(&last, r.conditionOf(&status), &status)
	}
}

// conditionOf returns what is wrong with a replica.
func (r *Replica) conditionOf(status *Status) condition {
	r.mu.Lock()
	waits := r.view.whole && r.view.state == store.StateRepair && r.fleet != nil
	r.mu.Unlock()
	switch manual := r.options.Load().Manual; {
	case !status.Degraded:
		return provenFresh
	case !status.Fenced:
		return admitsOld
	case waits && manual:
		return awaitsPermit
	case waits:
		return restoring
	case !status.Synced:
		return neverSynced
	default:
		return leaseExpired
	}
}

// tell logs a condition if it is news, or lasts.
func (r *Replica) tell(last *watched, now condition, status *Status) {
	o, boot := r.options.Load(), r.clock.Boot()
	after := boot - last.since
	switch {
	case last.fenced() && !now.fenced():
		o.Logger.Info("this gate admits requests again", "after", after)
	case last.condition == admitsOld && now == provenFresh:
		o.Logger.Info("this gate knows the latest revocations again", "after", after)
	case now == last.condition && boot-last.logged < remindEvery:
		return
	}
	if last.condition == provenFresh || last.fenced() != now.fenced() {
		last.since, after = boot, 0
	}
	last.condition, last.logged = now, boot
	if now != provenFresh {
		o.Logger.Warn(warningOf(now), "after", after, "lease_age", status.Age, "state", status.State, "error", status.Err)
	}
}
