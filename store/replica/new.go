package replica

import "github.com/sessiongate/sessiongate/store"

// isNew reports whether the log is in repair and nothing was lost, as far as this gate can
// tell: the log has never held an entry, the head knows no bound of an earlier log, and this
// gate remembers no other generation. A store that somebody has emptied looks the same to a gate
// that started later. So this changes what the gate says, and never what it waits for (Rule
// R7). The caller holds mu.
func (r *Replica) isNew() bool {
	return r.fleet != nil && r.view.state == store.StateRepair && r.view.whole && r.view.head == 0 && r.view.at.Seq == 0 &&
		len(r.past) == 0 && r.bounds.Floor == 0 && r.bounds.Forgotten == 0 && r.bounds.Swept == 0
}

// announceNew logs that the store is new, and how long this gate refuses requests for that.
func (r *Replica) announceNew() {
	o := r.options.Load()
	if o.Manual {
		o.Logger.Warn("the store is new: it has never held a revocation; this gate refuses requests until you run caddy session-gate bootstrap")
		return
	}
	o.Logger.Info("the store is new: it has never held a revocation; this gate refuses requests for two leases, in case another gate knows some",
		"lease", r.lease(o))
}
