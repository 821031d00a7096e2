package replica

import (
	"log/slog"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Acknowledge says what Revoke waits for.
type Acknowledge uint8

const (
	// AcknowledgeFleet waits until every gate of the fleet has applied the revocation or
	// is provably fenced.
	AcknowledgeFleet Acknowledge = iota
	// AcknowledgeLease waits until every lease has expired that may have been granted
	// before the revocation was on the log. The gate is unlisted: it is not on the list of
	// live gates. While there is such a gate, the other gates wait for leases, too.
	AcknowledgeLease
	// AcknowledgeStore waits for the store alone. The other gates follow, at the latest
	// when their lease expires.
	AcknowledgeStore
)

// Options configure a replica.
type Options struct {
	// Lease is how long after a heartbeat the replica may admit. It needs a store.Fleet. If
	// the fleet has another lease, that one counts. Zero means a local store: no other
	// machine writes to it, so the set is fresh once the replica has read the log.
	Lease time.Duration
	// MaxStaleness, if it is longer than Lease, is how long after a heartbeat the replica
	// admits by an old set, for operators who prefer that to refusing. Default: 0.
	MaxStaleness time.Duration
	// Acknowledge is what Revoke waits for. Default: AcknowledgeFleet.
	Acknowledge Acknowledge
	// Manual means that only Bootstrap opens a log that may have lost entries, if there is
	// no witness. Default: the gates open it after two leases.
	Manual bool
	// Relogin means that, after a log was opened without a witness, all tokens are refused
	// that were issued before, also if the log looks new. Default: only if some gate knows
	// that the log lost revocations, and another gate may know of more.
	Relogin bool
	// Retention is how long revocations are kept. Margin is what callers add to it. Leeway
	// is what is added to the expiry of tokens. The replica tells the store all three.
	Retention, Margin, Leeway time.Duration
	// Skew is how far apart the wall clock and the store's may be. Revocations are kept
	// long enough for that. Default: a minute.
	Skew time.Duration
	// Clock tells the time. Default: SystemClock.
	Clock Clock
	// Logger receives the messages that docs/logs.md lists. Default: none.
	Logger *slog.Logger
	// Observer is called once at the beginning and once at the end of each outage. Default:
	// none.
	Observer Observer
	// Counters count failed calls of the store, and repairs. Default: its own.
	Counters *Counters
	// Follower is told of each entry of the log. Default: none.
	Follower Follower
}

// Follower is told what a replica has applied of the revocation log.
type Follower interface {
	// Applied is called with the revocations of an entry after the set holds them, in the
	// order of the log. It must return soon, and call no method of the replica.
	Applied(revocations []store.Revocation)
}

const (
	// localCall bounds one call of a local store.
	localCall = 10 * time.Second
	// localRead is how long one read of a local store waits for entries.
	localRead = 500 * time.Millisecond
	// defaultSkew is the default of Options.Skew.
	defaultSkew = time.Minute
	// sweepEvery is the pause between two removals of expired revocations.
	sweepEvery = time.Minute
	// trimGrace is how long after its expiry an entry stays on the log: longer than a gate
	// takes to hear of a raised retention.
	trimGrace = time.Hour
	// minBackoff and maxBackoff bound the pause after a failed call. An eighth of the lease
	// bounds it, too.
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
	if o.Counters == nil {
		o.Counters = new(Counters)
	}
	return o
}

// call returns how long one call of the store may take: a quarter of the lease, so that a
// few calls can fail before the lease expires.
func call(lease time.Duration) time.Duration {
	if lease == 0 {
		return localCall
	}
	return lease / 4
}

// read returns how long a read may wait for entries: half of the lease, so that a read on a
// dead connection ends before the lease expires.
func read(lease time.Duration) time.Duration {
	if lease == 0 {
		return localRead
	}
	return lease / 2
}

// backoff returns the pause after a failure, if the pause before was d.
func backoff(d, lease time.Duration) time.Duration {
	longest := maxBackoff
	if lease > 0 {
		longest = min(longest, lease/8)
	}
	return min(max(2*d, minBackoff), longest)
}
