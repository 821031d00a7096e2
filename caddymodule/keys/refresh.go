package keys

import (
	"context"
	"slices"
	"time"
)

// When a key set is fetched again.
const (
	refreshEvery     = 10 * time.Minute
	minFetchPause    = 5 * time.Second
	minRetryPause    = time.Second
	maxRetryPause    = 30 * time.Second
	maxMismatchPause = time.Minute
	lookEvery        = 5 * time.Second // how often the clocks are compared
)

// run is the one goroutine that fetches, so there is never more than one fetch at a time.
func (k *Remote) run(ctx context.Context) {
	defer close(k.done)
	k.stopwatch.start()
	failures := 0
	for due := (cause{rediscover: true}); ; {
		// Tokens that asked up to now are answered by this fetch, and need no further one.
		select {
		case <-k.unknown:
			due.unknown = true
		default:
		}
		began := time.Now()
		k.fetches.begin(began, due.unknown)
		k.record.begin()
		k.fetched = k.stopwatch.elapsed()
		err := k.refresh(ctx, due.rediscover)
		if err == nil {
			failures = 0
			k.record.good.Add(1)
		} else if ctx.Err() == nil {
			failures++
			k.record.failed.Add(1)
			k.reportFailure(err)
		}
		k.fetches.end(began, err != nil)
		var more bool
		if due, more = k.wait(ctx, began, k.pause(failures)); !more {
			return
		}
	}
}

// cause says why a fetch is due.
type cause struct {
	rediscover bool // the key set may have moved
	unknown    bool // a token named an unknown `kid`
}

// wait returns when the next fetch is due: after the pause, or earlier if a token asked
// for one, or if the machine was suspended, during which timers stand still.
//
// Invariant 12: anybody can send forged tokens, so they cannot make fetches more frequent
// than minFetchPause. An unknown `kid` always gets that, because it is how an issuer
// changes keys (OpenID Connect Core 1.0 §10.1.1). The pause counts from the last fetch for an
// unknown `kid`, so that the first one after a regular fetch is looked for at once. A
// signature that a known key did not make waits longer. An issuer seldom replaces a key in
// place, while such tokens can come all day long: those of another environment whose keys
// have the same names. Each mismatch after which nothing has changed makes the next one wait
// twice as long, up to a minute. The gate therefore finds a replaced key within seconds, and
// within a minute while somebody floods it.
func (k *Remote) wait(ctx context.Context, began time.Time, pause time.Duration) (next cause, more bool) {
	due := time.Now().Add(pause)
	k.record.setNext(due)
	defer k.record.begin()
	// advance moves the fetch to an earlier time and reports whether it did.
	advance := func(at time.Time) bool {
		if !at.Before(due) {
			return false
		}
		due = at
		k.record.setNext(due)
		return true
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	next.rediscover = true
	unknown, mismatch := k.unknown, k.mismatch
	for {
		k.lapse()
		select {
		case <-ctx.Done():
			return next, false
		case <-time.After(time.Until(due)):
			return next, true
		case <-look.C:
			if k.stopwatch.elapsed()-k.fetched > pause+2*fetchTimeout {
				advance(began.Add(minFetchPause))
			}
		case <-unknown:
			unknown, next.unknown = nil, true
			// Fetch from the known address, unless the key set may have moved.
			if advance(k.fetches.mayBegin()) {
				next.rediscover = k.failing.Load()
			}
		case <-mismatch:
			mismatch = nil
			if advance(began.Add(k.mismatchPause)) {
				next.rediscover = k.failing.Load()
			}
			k.mismatchPause = min(2*k.mismatchPause, maxMismatchPause)
		}
	}
}

// pause returns how long to wait after a fetch, by the number of failures in a row.
func (k *Remote) pause(failures int) time.Duration {
	if failures == 0 {
		return refreshEvery
	}
	first := minRetryPause
	if k.Loaded() {
		first = minFetchPause
	}
	return min(first<<min(failures-1, 5), maxRetryPause)
}

// refresh fetches the key set and puts it in force.
func (k *Remote) refresh(ctx context.Context, rediscover bool) error {
	if k.options.Discover != "" && (rediscover || k.place.address == "") {
		place, err := k.fetcher.discover(ctx, k.options.Discover)
		if err != nil {
			return err
		}
		k.place = place
	}
	document, err := k.fetcher.get(ctx, k.place)
	if err != nil {
		return err
	}
	set, err := parseJWKS(document)
	if !slices.Equal(set.ignored, k.ignored) {
		k.ignored = set.ignored
		if len(set.ignored) > 0 {
			k.logger.Warn("ignoring keys of the key set", "source", k.source(), "reasons", shownReasons(set.ignored))
		}
	}
	if err != nil {
		k.withdraw(set.published)
		return err
	}
	k.replace(set.keys)
	return nil
}
