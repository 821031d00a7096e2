package replica

import (
	"log/slog"
	"time"
)

// Acknowledge says what Revoke waits for.
type Acknowledge uint8

const (
	// AcknowledgeFleet: for every gate of the fleet, which has applied the
	// revocation or is provably fenced.
	AcknowledgeFleet Acknowledge = iota
	// AcknowledgeLease: until every lease is over that may have been given before the
	// revocation was on the log. The gate is on no list, and other gates of the fleet
	// wait for as long while it is there.
	AcknowledgeLease
	// AcknowledgeStore: for the store alone. Other gates follow, at the latest
	// when their lease is over.
	AcknowledgeStore
)

// Options say how a replica keeps itself fresh.
type Options struct {
	// Lease is for how long after a heartbeat the replica may admit. It needs a
	// store.Fleet, and the fleet's own lease wins. Zero says that the store is
	// this machine's own and nobody else writes to it: then the set is fresh as
	// soon as it was read once.
	Lease time.Duration
	// MaxStaleness, if it is longer than Lease, is for how long the replica
	// admits by an old set: the operator would rather admit than refuse. Default: 0.
	MaxStaleness time.Duration
	// Acknowledge is what Revoke waits for. Default: AcknowledgeFleet.
	Acknowledge Acknowledge
	// Manual says that a log which may have lost entries, and for which no gate
	// can vouch, is opened by Bootstrap only. Default: after two leases.
	Manual bool
	// Relogin says that a log for which no gate can vouch, also one that looks new,
	// refuses all tokens that were issued before. Default: only one of which some
	// gate knows that it lost revocations, while another gate may know of more.
	Relogin bool
	// Retention is for how long revocations are kept, Margin what callers add to
	// that, and Leeway what is added to the expiry of tokens. The store is told.
	Retention, Margin, Leeway time.Duration
	// Skew is how far the wall clock may be from the store's for revocations to be
	// kept long enough. Default: a minute.
	Skew time.Duration
	// Clock tells the time. Default: SystemClock.
	Clock Clock
	// Logger is told when the store goes away and comes back. Default: none.
	Logger *slog.Logger
	// Observer is told the same, once for each outage. Default: none.
	Observer Observer
}

const (
	// localCall bounds one call of a store without a lease.
	localCall = 10 * time.Second
	// localRead is how long one read of it waits for entries.
	localRead = 500 * time.Millisecond
	// defaultSkew is how far clocks may be apart.
	defaultSkew = time.Minute
	// sweepEvery is how often expired revocations are forgotten.
	sweepEvery = time.Minute
	// trimGrace is for how long after its expiry an entry stays on the log: longer
	// than it takes a gate to hear that entries are to be kept for longer.
	trimGrace = time.Hour
	// minBackoff and maxBackoff bound the pause after a failed call; with a lease
	// it is an eighth of that at the most.
	minBackoff = 10 * time.Millisecond
	maxBackoff = time.Second
)

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = SystemClock{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Skew <= 0 {
		o.Skew = defaultSkew
	}
	if o.Observer == nil {
		o.Observer = unobserved{}
	}
	return o
}

// call is how long one call of the store may take: a quarter of the lease, so
// that a few can fail before the lease is over.
func call(lease time.Duration) time.Duration {
	if lease == 0 {
		return localCall
	}
	return lease / 4
}

// read is how long a read may wait for entries: half of the lease, so that one which is
// deaf, because its connection is, is over before the lease.
func read(lease time.Duration) time.Duration {
	if lease == 0 {
		return localRead
	}
	return lease / 2
}

// backoff is the pause after the failure that follows a pause of d.
func backoff(d, lease time.Duration) time.Duration {
	longest := maxBackoff
	if lease > 0 {
		longest = min(longest, lease/8)
	}
	return min(max(2*d, minBackoff), longest)
}
