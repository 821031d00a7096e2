package token

import (
	"context"
	"log/slog"
	"strings"
	"time"
)

// run is the one goroutine that fetches, so that there is never more than one
// fetch under way.
func (k *RemoteKeys) run(ctx context.Context) {
	defer close(k.done)
	failures := 0
	for rediscover := true; ; {
		began := time.Now()
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

// wait returns when the next fetch is due: after the pause, or as soon as an
// unknown `kid` was asked for and minFetchPause has passed since the last
// fetch began.
func (k *RemoteKeys) wait(ctx context.Context, began time.Time, pause time.Duration) (rediscover, more bool) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, false
	case <-timer.C:
		return true, true
	case <-k.unknown:
	}
	// Invariant 12 (DESIGN): unknown `kid`s come from anybody, so they cannot
	// make fetches more frequent than this.
	rest := time.NewTimer(minFetchPause - time.Since(began))
	defer rest.Stop()
	select {
	case <-ctx.Done():
		return false, false
	case <-rest.C:
		// Where the set is known to be, unless it may have moved.
		return k.failing.Load(), true
	}
}

// pause is how long to wait after a fetch.
func (k *RemoteKeys) pause(failures int) time.Duration {
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
func (k *RemoteKeys) refresh(ctx context.Context, rediscover bool) error {
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
		return err
	}
	k.replace(set.keys)
	return nil
}

// replace puts a set in force, and begins a new epoch if a key was removed or
// changed. A set that only grew leaves the epoch alone: what its keys verified
// before still holds.
func (k *RemoteKeys) replace(keys []jwk) {
	next := &keySet{keys: keys}
	old := k.current.Load()
	if old != nil {
		next.epoch = old.epoch
		if !holdsAll(keys, old.keys) {
			next.epoch++
		}
	}
	k.current.Store(next)
	recovered := k.failing.Swap(false)
	if old == nil || recovered || next.epoch != old.epoch || len(keys) != len(old.keys) {
		k.logger.Info("loaded key set", "source", k.source(), "keys", len(keys))
	}
}

// reportFailure logs the first of a row of failures aloud.
func (k *RemoteKeys) reportFailure(err error) {
	level := slog.LevelDebug
	if !k.failing.Swap(true) {
		level = slog.LevelWarn
	}
	k.logger.Log(context.Background(), level, "fetching key set failed", "source", k.source(), "error", loggable(err.Error()))
}
