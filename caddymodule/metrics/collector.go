package metrics

import (
	"math"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
)

// Options are what a Collector shows. All are required.
type Options struct {
	// Counts are those of the process.
	Counts *Counts
	// Hub is the hub of the configuration.
	Hub *hub.Hub
	// Issuers are those of the configuration. Each is named once.
	Issuers []Issuer
}

// Issuer is a configured issuer.
type Issuer struct {
	// Name is the exact `iss`, or the configured name of an issuer with a wildcard.
	Name string
	// Keys are its keys.
	Keys keys.Source
}

// Collector shows the counts of the process and the state of one configuration. It implements
// prometheus.Collector, and may be registered in the registry of that configuration. It may be
// used concurrently, also before the configuration starts and after it was cleaned up.
type Collector struct{ o Options }

// NewCollector returns a Collector. It starts nothing.
func NewCollector(o Options) *Collector { return &Collector{o} }

// Describe implements prometheus.Collector.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, f := range families {
		if f.Type == Histogram {
			c.o.Counts.duration.Describe(to)
			continue
		}
		to <- f.desc
	}
}

// Collect implements prometheus.Collector. It waits for nothing, and takes no lock of a request
// for longer than an addition.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	s := sink{to}
	c.counts(s)
	c.state(s)
	c.keys(s)
}

func (c *Collector) counts(s sink) {
	counts := c.o.Counts
	for o := range numOutcomes {
		s.count(requestsTotal, counts.Requests(o), o.String())
	}
	s.count(verificationsTotal, counts.Tokens.Hits(), "hit")
	s.count(verificationsTotal, counts.Tokens.Verified(), "verified")
	s.count(verificationsTotal, counts.Tokens.Refused(), "refused")
	for kind := store.KindSession; kind < numKinds; kind++ {
		for source := store.SourceEndpoint; source < numSources; source++ {
			for result, name := range results {
				s.count(revocationsTotal, counts.revocations[kind][source][result].Load(), kind.String(), source.String(), name)
			}
		}
	}
	counts.duration.Collect(s.to)
	c.failures(s)
	for name, n := range map[string]*atomic.Uint64{
		"revoked": &counts.Hub.Streams.Revoked, "expired": &counts.Hub.Streams.Expired, "closed": &counts.Hub.Streams.Closed,
	} {
		s.count(streamsCutTotal, n.Load(), name)
	}
	for name, n := range map[string]*atomic.Uint64{
		"obeyed": &counts.Logouts.Obeyed, "refused": &counts.Logouts.Refused,
		"replayed": &counts.Logouts.Replayed, "unavailable": &counts.Logouts.Unavailable,
	} {
		s.count(logoutTokensTotal, n.Load(), name)
	}
	for name, n := range map[string]*atomic.Uint64{
		"issued": &counts.Grants.Issued, "no_tokens": &counts.Grants.NoTokens, "refused": &counts.Grants.Refused,
		"malformed": &counts.Grants.Malformed, "withheld": &counts.Grants.Withheld, "unavailable": &counts.Grants.Unavailable,
	} {
		s.count(tokenGrantsTotal, n.Load(), name)
	}
}

// failures shows what went wrong with the store.
func (c *Collector) failures(s sink) {
	counts := &c.o.Counts.Hub
	s.show(fencedSecondsTotal, counts.Fenced().Seconds())
	for o := range replica.NumOperations {
		s.count(storeErrorsTotal, counts.Replica.Failures(o), o.String())
	}
	s.count(storeErrorsTotal, counts.Sessions.Load(), "sessions")
	s.count(storeErrorsTotal, counts.Tokens.Load(), "tokens")
	for why := range replica.NumRepairs {
		s.count(repairsTotal, counts.Replica.Repairs(why), why.String())
	}
}

// state shows the state of the hub.
func (c *Collector) state(s sink) {
	size, status := c.o.Hub.Size(), c.o.Hub.Status()
	for kind, n := range map[store.Kind]int{
		store.KindSession: size.Sessions, store.KindToken: size.Tokens, store.KindSubject: size.Subjects, store.KindIssuer: size.Issuers,
	} {
		s.show(revocationsHeld, float64(n), kind.String())
	}
	s.show(revocationsPending, float64(c.o.Hub.Unconfirmed()))
	s.show(setBytes, float64(size.Bytes))
	s.flag(fenced, status.Fenced)
	live := 1 // a store of one machine has no list
	if status.Lease > 0 {
		s.show(leaseRemaining, status.Remaining.Seconds())
		live = status.Gates
	}
	s.show(gates, float64(live))
	// The store has a generation once it has answered.
	s.flag(storeUp, status.Err == nil && status.Generation != 0)
	s.show(logLag, float64(status.Lag))
	s.show(clockOffset, -status.Offset.Seconds())
	s.show(streamsRunning, float64(c.o.Hub.Running()))
	s.show(sessionsSeen, float64(c.o.Hub.Seen()))
}

// sink receives metrics.
type sink struct{ to chan<- prometheus.Metric }

func (s sink) count(f *Family, n uint64, labels ...string) { s.show(f, float64(n), labels...) }

func (s sink) flag(f *Family, on bool) {
	value := 0.0
	if on {
		value = 1
	}
	s.show(f, value)
}

// show shows a value. Labels that are no UTF-8 lose what is not, so that no name of an issuer
// hides all metrics.
func (s sink) show(f *Family, value float64, labels ...string) {
	for i, label := range labels {
		labels[i] = strings.ToValidUTF8(label, "\uFFFD")
	}
	kind := prometheus.GaugeValue
	if f.Type == Counter {
		kind = prometheus.CounterValue
	}
	if value == 0 {
		value = math.Abs(value) // no negative zero
	}
	s.to <- prometheus.MustNewConstMetric(f.desc, kind, value, labels...)
}

var _ prometheus.Collector = (*Collector)(nil)
