package keys

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// errorEvery is how often an error says that there are no keys yet.
const errorEvery = time.Minute

// reportFailure keeps why a fetch failed, and logs it. Until there are keys, nobody can use a
// token of the issuer: the first failure of a row is an error, and then one each minute. After
// that the first of a row is a warning. The others are at level debug.
func (k *Remote) reportFailure(err error) {
	why := explained(err)
	k.outage.Store(newOutage(why))
	first := !k.failing.Swap(true)
	level := slog.LevelDebug
	switch {
	case !k.Loaded() && (first || k.fetched-k.reported >= errorEvery):
		level, k.reported = slog.LevelError, k.fetched
	case k.Loaded() && first:
		level = slog.LevelWarn
	}
	k.logger.Log(context.Background(), level, "fetching key set failed", "source", k.source(), "keys", k.status()[0].Keys, "error", why)
}

// reportSet logs that keys came into force: the first ones, or others than those of old. away is
// how long ago the last good fetch was if the fetches in between failed, and 0 otherwise.
func (k *Remote) reportSet(old *keySet, keys []jwk, away time.Duration) {
	if old == nil {
		k.logger.Info("loaded key set", "source", k.source(), "keys", len(keys), "kids", shownIDs(keys))
		return
	}
	added, removed := notIn(keys, old.keys), notIn(old.keys, keys)
	if len(added)+len(removed) > 0 {
		k.logger.Info("the key set has changed", "source", k.source(), "keys", len(keys), "added", shownIDs(added), "removed", shownIDs(removed))
	}
	if away > 0 {
		k.logger.Info("the key set can be fetched again", "source", k.source(), "keys", len(keys), "after", away.Round(time.Second))
	}
}

func (k *Remote) reportAge(level slog.Level, text string, age time.Duration) {
	k.logger.Log(context.Background(), level, text, "source", k.source(), "age", age.Round(time.Second), "max_age", MaxAge)
}

// notIn returns the keys that are not in others, or not as they are.
func notIn(keys, others []jwk) []jwk {
	return slices.DeleteFunc(slices.Clone(keys), func(key jwk) bool { return slices.ContainsFunc(others, key.same) })
}

// shownIDs lists the `kid`s of keys as one log line shows them. An issuer chooses how long they
// are, and what is in them, so both are bounded.
func shownIDs(keys []jwk) string {
	var ids []string
	for i, key := range keys {
		if i == maxShownKeys {
			ids = append(ids, fmt.Sprintf("and %d more", len(keys)-i))
			break
		}
		ids = append(ids, shownID(key.id))
	}
	return strings.Join(ids, ", ")
}

func shownID(id string) string {
	if id == "" {
		return "(without kid)"
	}
	if len(id) > maxShownKeyID {
		id = strings.ToValidUTF8(id[:maxShownKeyID], "") + "…"
	}
	return printable(id)
}
