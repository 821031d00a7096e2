package simulation

import (
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// wrote records the sessions that a call puts on the log for good.
func (o *oracle) wrote(call model.Call) {
	if !o.world.logins {
		return
	}
	revocations, _ := call.Argument.([]store.Revocation)
	if merge, merges := call.Argument.(store.Merge); merges {
		revocations = merge.Revocations
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range revocations {
		if r.Kind == store.KindSession && r.NotBefore == 0 {
			o.forGood[r.Key] = true
		}
	}
}

// repeat revokes again at a gate what was revoked with a token. If users log in again, this
// one has done so in between, and a repeat does not end that login.
func (w *world) repeat(g *gate, t *token, r store.Revocation) {
	if !w.logins {
		g.invalidate(r)
		return
	}
	next := w.login(t)
	g.invalidate(r)
	for _, other := range w.livingGates() {
		if other.runs() {
			other.serve(next, 0)
		}
	}
}

// reaches reports whether a revocation names all logins that another one of its key names.
func reaches(on, r store.Revocation) bool {
	if r.Kind == store.KindSession && (on.NotBefore == 0 || r.NotBefore == 0) {
		return on.NotBefore == 0
	}
	return on.NotBefore >= r.NotBefore
}
