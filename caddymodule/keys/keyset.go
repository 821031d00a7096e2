package keys

import (
	"crypto"
	"log/slog"
	"slices"
	"time"
)

// MaxAge is the age at which the last good keys lapse.
const MaxAge = 24 * time.Hour

// warnAge is the age at which a warning says that they will.
const warnAge = MaxAge / 2

// keySet holds the keys in force. It is immutable.
type keySet struct {
	keys  []jwk
	epoch uint64
	// lapsed reports whether the keys verify nothing and are only kept for comparison.
	lapsed bool
	// withdrawn are the `kid`s that earlier sets held and this one does not, the latest
	// first.
	withdrawn []string
}

// The largest number of withdrawn `kid`s that are remembered, and the longest, in bytes.
const (
	maxWithdrawn    = 100
	maxWithdrawnKID = 1 << 10
)

// withdrawnBy returns the `kid`s that were in force or withdrawn before, and are not in keys.
func (s *keySet) withdrawnBy(keys []jwk) (ids []string) {
	add := func(id string) {
		if id != "" && len(id) <= maxWithdrawnKID && len(ids) < maxWithdrawn && !holdsID(keys, id) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, key := range s.keys {
		add(key.id)
	}
	for _, id := range s.withdrawn {
		add(id)
	}
	return ids
}

// replace puts a set in force. If a key was removed or changed, it begins a new epoch. If
// keys were only added, the epoch stays: tokens that the other keys verified before are
// still verified.
func (k *Remote) replace(keys []jwk) {
	next := &keySet{keys: keys}
	old := k.current.Load()
	if old != nil {
		next.epoch, next.withdrawn = old.epoch, old.withdrawnBy(keys)
		if !holdsAll(keys, old.keys) {
			next.epoch++
		}
	}
	k.current.Store(next)
	before := k.record.confirmed.Swap(int64(k.fetched))
	k.warned = false
	recovered := k.failing.Swap(false)
	k.outage.Store(noOutage)
	if old == nil || next.epoch != old.epoch || len(keys) != len(old.keys) {
		k.mismatchPause = minFetchPause
	}
	var away time.Duration
	if recovered || old != nil && old.lapsed {
		away = k.fetched - time.Duration(before)
	}
	k.reportSet(old, keys, away)
}

// withdraw takes public keys out of force. The issuer has published their private keys in a
// set that has no usable key. The last good keys stay in force when a set is damaged, but not
// these: everybody can sign with them.
func (k *Remote) withdraw(published []crypto.PublicKey) {
	old := k.current.Load()
	if old == nil {
		return
	}
	left := without(old.keys, published)
	if len(left) == len(old.keys) {
		return
	}
	// Invariant 7: the client is not at fault for the missing key; the issuer is. From now
	// on the gate answers 503 to the issuer's tokens, and not 401.
	k.failing.Store(true)
	k.current.Store(&keySet{keys: left, epoch: old.epoch + 1, lapsed: old.lapsed, withdrawn: old.withdrawn})
	k.logger.Error("the issuer has published private keys: what they sign is refused",
		"source", k.source(), "keys", len(old.keys)-len(left), "left", len(left))
}

// lapse takes the last good keys out of force when they are too old.
//
// Invariant 7: from then on nobody knows whether a key is still valid, which is 503 and not
// 401. A new epoch begins, so that caches do not keep tokens that these keys verified.
func (k *Remote) lapse() {
	age := k.stopwatch.elapsed() - time.Duration(k.record.confirmed.Load())
	set := k.current.Load()
	if set == nil || set.lapsed {
		return
	}
	switch {
	case age >= MaxAge:
		k.current.Store(&keySet{keys: set.keys, epoch: set.epoch + 1, lapsed: true, withdrawn: set.withdrawn})
		k.reportAge(slog.LevelError, "key set not confirmed for too long: every token of the issuer is answered 503 until it is", age)
	case age >= warnAge && !k.warned:
		k.warned = true
		k.reportAge(slog.LevelWarn, "key set not confirmed for long: its keys lapse soon, and then every token of the issuer is answered 503", age)
	}
}
