package replica

import (
	"log/slog"
	"time"
)

// Options say how a replica keeps itself fresh.
type Options struct {
	// Lease is for how long after it last heard from the store the replica may
	// admit. Zero says that the store is this machine's own and nobody else
	// writes to it: then the set is fresh as soon as it was read once.
	Lease time.Duration
	// MaxStaleness, if it is longer than Lease, is used in its place: the
	// operator would rather admit by an old set than refuse. Default: 0.
	MaxStaleness time.Duration
	// Clock gives the time. It is asked for durations too, so that it must
	// carry a monotonic reading. Default: time.Now.
	Clock func() time.Time
	// Logger is told when the store goes away and comes back. Default: none.
	Logger *slog.Logger
}

const (
	// defaultCall bounds one call of a store without a lease.
	defaultCall = 10 * time.Second
	// maxRead is the longest that one read waits for entries.
	maxRead = 500 * time.Millisecond
	// sweepEvery is how often expired revocations are forgotten.
	sweepEvery = time.Minute
	// minBackoff and maxBackoff bound the pause after a failed read.
	minBackoff = 20 * time.Millisecond
	maxBackoff = time.Second
)

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// call is how long one call of the store may take: a quarter of the lease, so
// that a few can fail before the lease is over.
func (o Options) call() time.Duration {
	if o.Lease == 0 {
		return defaultCall
	}
	return o.Lease / 4
}

// read is how long a read may wait for entries.
func (o Options) read() time.Duration {
	if o.Lease == 0 {
		return maxRead
	}
	return min(maxRead, o.Lease/8)
}

// fence is for how long an answer of the store keeps the set fresh.
func (o Options) fence() time.Duration { return max(o.Lease, o.MaxStaleness) }
