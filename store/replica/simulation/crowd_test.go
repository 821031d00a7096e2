package simulation

import (
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// crowd is a fleet of many gates with a server that takes time for each call. The server
// loses all data after every lease has expired, so that there is no witness.
var crowd = &profile{
	name: "crowd",
	scene: func(w *world, _ *stream) {
		w.large, w.lease = false, 3*time.Second
		w.longest, w.config.lease, w.config.manual = w.lease, w.lease, false
		w.many, w.faulty, w.work = 500, 10*w.lease, callCost
		w.pace = pace{requests: w.lease, revocations: w.lease, dumps: time.Minute, fault: w.lease}
	},
}

// callCost returns how long a real server takes for a call. The data about each gate costs
// most.
func callCost(reply any) time.Duration {
	const call, gate, revocation = 40 * time.Microsecond, 1500 * time.Nanosecond, 100 * time.Nanosecond
	switch r := reply.(type) {
	case store.Head:
		return call + gate*time.Duration(len(r.Gates))
	case store.Batch:
		revocations := 0
		for _, e := range r.Entries {
			revocations += len(e.Revocations)
		}
		return call + revocation*time.Duration(revocations)
	default:
		return call
	}
}

// occupy keeps the server busy with one call at a time, and waits until this call is done.
func (w *world) occupy(reply any) bool {
	if w.work == nil {
		return true
	}
	w.mu.Lock()
	now := time.Now()
	if w.busy.Before(now) {
		w.busy = now
	}
	w.busy = w.busy.Add(w.work(reply))
	wait := w.busy.Sub(now)
	w.mu.Unlock()
	return w.sleep(wait)
}
