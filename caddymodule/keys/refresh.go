package keys

import (
	"context"
	"log/slog"
	"strings"
	"time"
)

// When a key set is fetched again.
const (
	refreshEvery  = 10 * time.Minute
	minFetchPause = 5 * time.Second
	minRetryPause = time.Second
	maxRetryPause = 30 * time.Second
	maxPatience   = time.Minute
	lookEvery     = 5 * time.Second // at the clocks
)

// run is the one goroutine that fetches, so that there is never more than one
// fetch under way.
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

// wait returns when the next fetch is due: after the pause, or earlier, if
// somebody asked for it or the pause was longer than the timers know, because
// the machine was suspended.
//
// Invariant 12: forged tokens come from anybody, so they cannot make
// fetches more frequent than minFetchPause. Unknown `kid`s always get that,
// because it is how an issuer changes keys (OpenID Connect Core 1.0 §10.1.1).
// Doubts do not: a key replaced in place is rare, while tokens that a known key
// did not sign can be an everyday noise, such as those of another environment
// whose keys bear the same names. Each doubt that finds nothing new makes the
// next one wait twice as long, up to a minute. So a replaced key is found
// within seconds, or within a minute while somebody floods the gate.
func (k *Remote) wait(ctx context.Context, began time.Time, pause time.Duration) (rediscover, more bool) {
	due := newAlarm(time.Now().Add(pause))
	look := time.NewTicker(lookEvery)
	defer due.timer.Stop()
	defer look.Stop()
	rediscover = true
	unknown, doubted := k.unknown, k.doubted
	for {
		k.lapse()
		select {
		case <-ctx.Done():
			return false, false
		case <-due.timer.C:
			return rediscover, true
		case <-look.C:
			if k.stopwatch.elapsed()-k.fetched > pause+2*fetchTimeout {
				due.hasten(began.Add(minFetchPause))
			}
		case <-unknown:
			unknown = nil
			// Where the set is known to be, unless it may have moved.
			if due.hasten(began.Add(minFetchPause)) {
				rediscover = k.failing.Load()
			}
		case <-doubted:
			doubted = nil
			if due.hasten(began.Add(k.patience)) {
				rediscover = k.failing.Load()
			}
			k.patience = min(2*k.patience, maxPatience)
		}
	}
}

// alarm is a timer that can only be set to an earlier time.
type alarm struct {
	at    time.Time
	timer *time.Timer
}

func newAlarm(at time.Time) *alarm { return &alarm{at, time.NewTimer(time.Until(at))} }

// hasten reports whether at is earlier.
func (a *alarm) hasten(at time.Time) bool {
	if !at.Before(a.at) {
		return false
	}
	a.at = at
	a.timer.Reset(time.Until(at))
	return true
}

// pause is how long to wait after a fetch.
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
	if reasons := strings.Join(set.ignored, "; "); reasons != k.ignored {
		k.ignored = reasons
		if reasons != "" {
			k.logger.Warn("ignoring keys of the key set", "source", k.source(), "reasons", loggable(reasons))
		}
	}
	if err != nil {
		k.withdraw(set.published)
		return err
	}
	k.replace(set.keys)
	return nil
}

// reportFailure logs the first of a row of failures aloud.
func (k *Remote) reportFailure(err error) {
	level := slog.LevelDebug
	if !k.failing.Swap(true) {
		level = slog.LevelWarn
	}
	k.logger.Log(context.Background(), level, "fetching key set failed", "source", k.source(), "error", loggable(err.Error()))
}
