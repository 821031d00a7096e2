package metrics

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/logout"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/tokenendpoint"
	"github.com/sessiongate/sessiongate/store"
)

// Counts count what the gates of a process do. Every configuration of the process uses the same
// Counts, so a reload loses nothing. All methods may be called concurrently.
type Counts struct {
	// Hub, Tokens, Logouts and Grants are counted by their packages.
	Hub     hub.Counters
	Tokens  token.Counters
	Logouts logout.Counters
	Grants  tokenendpoint.Counters

	requests    [numOutcomes]paddedCounter
	revocations [numKinds][numSources][numResults]atomic.Uint64
	duration    prometheus.Histogram
	fetches     fetches
}

// paddedCounter is a counter on a cache line of its own.
type paddedCounter struct {
	atomic.Uint64
	_ [56]byte
}

// NewCounts returns Counts that are zero.
func NewCounts() *Counts {
	return &Counts{duration: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: prefix + durationName, Help: durationHelp,
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	})}
}

// Count counts a request. Admitted requests are counted by the hub, so Count ignores them.
func (c *Counts) Count(o Outcome) { c.requests[o].Add(1) }

// Requests returns how many requests had an outcome.
func (c *Counts) Requests(o Outcome) uint64 {
	if o == Admitted {
		return c.Hub.Admitted()
	}
	return c.requests[o].Load()
}

// numKinds is one more than the number of kinds, which begin at 1.
const numKinds = store.KindIssuer + 1

// numSources is one more than the number of sources. Index 0 is unused.
const numSources = store.SourceStandard + 1

// The results of a call that revokes.
const (
	everywhere = iota
	pending
	numResults
)

var results = [numResults]string{"everywhere", "pending"}

// Revoked counts revocations that hold everywhere, and how long the call took.
func (c *Counts) Revoked(o hub.Outcome) {
	c.revoked(o, everywhere)
	c.duration.Observe(o.Took.Seconds())
}

// Pending counts revocations that are not confirmed everywhere. The gate retries them, so Revoked
// counts them as well, once they hold everywhere.
func (c *Counts) Pending(o hub.Outcome) { c.revoked(o, pending) }

func (c *Counts) revoked(o hub.Outcome, result int) {
	for _, r := range o.Revocations {
		if r.Kind.Valid() && o.Source < numSources {
			c.revocations[r.Kind][o.Source][result].Add(1)
		}
	}
}
