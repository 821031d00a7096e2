package keys

import (
	"context"
	"log/slog"
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
	for rediscover := true; ; {
		began := time.Now()
		k.fetched = k.stopwatch.elapsed()
		if err := k.refresh(ctx, rediscover); err == nil {
			failures = 0
		} else if ctx.Err() == nil {
			failures++
			k.reportFailure(err)
		}
		var more bool
		if rediscover, more = k.wait(ctx, began, k.pause(failures)); !more {
			return
		}
	}
}

// wait returns when the next fetch is due: after the pause, or earlier if a token asked
// for one, or if the machine was suspended, during which timers stand still.
//
// Invariant 12: anybody can send forged tokens, so they cannot make fetches more frequent
// than minFetchPause. An unknown `kid` always gets that, because it is how an issuer
// changes keys (OpenID Connect Core 1.0 §10.1.1). A signature that a known key did not
// make does not. An issuer seldom replaces a key in place, while such tokens can come all
// day long: those of another environment whose keys have the same names. Each mismatch
// after which nothing has changed makes the next one wait twice as long, up to a minute.
// The gate therefore finds a replaced key within seconds, and within a minute while
// somebody floods it.
func (k *Remote) wait(ctx context.Context, began time.Time, pause time.Duration) (rediscover, more bool) {
	due := time.Now().Add(pause)
	// advance moves the fetch to an earlier time and reports whether it did.
	advance := func(after time.Duration) bool {
		at := began.Add(after)
		if !at.Before(due) {
			return false
		}
		due = at
		return true
	}
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	rediscover = true
	unknown, mismatch := k.unknown, k.mismatch
	for {
		k.lapse()
		select {
		case <-ctx.Done():
			return false, false
		case <-time.After(time.Until(due)):
			return rediscover, true
		case <-look.C:
			if k.stopwatch.elapsed()-k.fetched > pause+2*fetchTimeout {
				advance(minFetchPause)
			}
		case <-unknown:
			unknown = nil
			// Fetch from the known address, unless the key set may have moved.
			if advance(minFetchPause) {
				rediscover = k.failing.Load()
			}
		case <-mismatch:
			mismatch = nil
			if advance(k.mismatchPause) {
				rediscover = k.failing.Load()
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

// reportFailure logs a failed fetch: the first of a row as a warning, the others at level
// debug.
func (k *Remote) reportFailure(err error) {
	level := slog.LevelDebug
	if !k.failing.Swap(true) {
		level = slog.LevelWarn
	}
	k.logger.Log(context.Background(), level, "fetching key set failed", "source", k.source(), "error", loggable(err.Error()))
}
