package streams

import "sync/atomic"

// Counters count the requests that were cut, by the reason. The zero Counters are ready.
// Several tables may share them.
type Counters struct {
	// Revoked and Expired: the session was revoked, or its newest token has expired. Closed:
	// the gate lets go of the store, and would not learn of revocations any more.
	Revoked, Expired, Closed atomic.Uint64
}

func (c *Counters) of(why reason) *atomic.Uint64 {
	switch why {
	case revoked:
		return &c.Revoked
	case expired:
		return &c.Expired
	default:
		return &c.Closed
	}
}

// Withdraw takes back that a request has entered, for a request that is refused after Enter and
// Leave. Call it at most once.
func (r *Request) Withdraw() {
	r.home.mu.Lock()
	defer r.home.mu.Unlock()
	r.home.entered--
}

// Entered returns how many requests have entered, without those that were withdrawn. It never
// falls.
func (t *Table) Entered() uint64 {
	var sum uint64
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		sum += s.entered
		s.mu.Unlock()
	}
	// A request that is withdrawn next is in the sum, and was not to be.
	for most := t.entered.Load(); most < sum && !t.entered.CompareAndSwap(most, sum); most = t.entered.Load() {
	}
	return t.entered.Load()
}
