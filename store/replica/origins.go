package replica

import (
	"sync"

	"github.com/sessiongate/sessiongate/store"
)

// maxOrigins is how many origins a replica keeps for revocations that are not on the log yet.
const maxOrigins = 4096

// origins are the origins of revocations that this gate made, and that are not known to be on
// the log. The set keeps none, so repair would put such a revocation on the log without. They
// decide nothing: if there are too many, the log does not say where some revocations come
// from.
type origins struct {
	mu sync.Mutex
	of map[store.Key]store.Origin
}

// note keeps the origins of revocations.
func (o *origins) note(revocations []store.Revocation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range revocations {
		if r.Origin == (store.Origin{}) || len(o.of) >= maxOrigins {
			continue
		}
		if o.of == nil {
			o.of = make(map[store.Key]store.Origin)
		}
		o.of[r.Key] = r.Origin
	}
}

// forget drops the origins of revocations that the log has by now.
func (o *origins) forget(revocations []store.Revocation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range revocations {
		delete(o.of, r.Key)
	}
}

// describe gives revocations of the set their origins.
func (o *origins) describe(revocations []store.Revocation) []store.Revocation {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range revocations {
		if len(o.of) > 0 {
			revocations[i].Origin = o.of[revocations[i].Key]
		}
	}
	return revocations
}
