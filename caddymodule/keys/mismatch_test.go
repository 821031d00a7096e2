package keys_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Attack: a key was stolen, and the issuer replaced it under the same `kid`, so no token
// ever names an unknown key. The first token of the new key makes the gate fetch the set.
// From then on it refuses tokens of the stolen key.
func TestKeyReplacedInPlaceIsFoundWithinSeconds(t *testing.T) {
	for name, ids := range map[string]string{"with kid": "a", "without kid": ""} {
		for _, algorithm := range []string{"ES256", "EdDSA"} {
			t.Run(name+" by "+algorithm, func(t *testing.T) {
				stolen, next := tokentest.NewKey(t, "ES256", ids), tokentest.NewKey(t, algorithm, ids)
				inBubble(t, []*tokentest.Key{stolen}, func(t *testing.T, v bubble) {
					raw := signed(t, stolen)
					held := accept(t, v.Remote, raw)
					v.endpoint.Publish(t, next)
					time.Sleep(time.Minute)
					if mustVerify(t, v.Remote, raw); !held.holds() {
						t.Error("an epoch began without a fetch")
					}
					began := time.Now()
					mustRefuse(t, v.Remote, signed(t, next), keys.ErrInvalid)
					if time.Since(began) != 0 {
						t.Error("a request waited for the fetch")
					}
					synctest.Wait() // the last fetch is long ago, so this fetch starts at once
					mustVerify(t, v.Remote, signed(t, next))
					mustEnd(t, held, keys.ErrInvalid)
					if v.Epoch() != 1 {
						t.Errorf("epoch %d, want 1", v.Epoch())
					}
				})
			})
		}
	}
}

// Attack (invariant 12): anybody can forge tokens that name a valid key, to make the gate
// flood the issuer. Another environment whose keys have the same names sends such tokens
// all day long.
func TestForgedSignaturesFetchEverMoreRarely(t *testing.T) {
	key, attacker := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "a")
	inBubble(t, []*tokentest.Key{key}, func(t *testing.T, v bubble) {
		forged := signed(t, attacker)
		flood := func(length time.Duration) (fetches int) {
			before := v.endpoint.Fetches(tokentest.KeySetPath)
			for range length / (100 * time.Millisecond) {
				mustRefuse(t, v.Remote, forged, keys.ErrInvalid)
				time.Sleep(100 * time.Millisecond)
			}
			synctest.Wait()
			return v.endpoint.Fetches(tokentest.KeySetPath) - before
		}
		// After 5, 10, 20 and 40 s, then every minute.
		if got := flood(10 * time.Minute); got != 12 {
			t.Errorf("%d fetches in the first ten minutes, want 12", got)
		}
		if got := flood(10 * time.Minute); got != 10 {
			t.Errorf("%d fetches in the next ten minutes, want 10", got)
		}
		mustVerify(t, v.Remote, signed(t, key))

		// If the issuer replaces a key meanwhile, the gate finds it within a minute. From
		// then on it fetches quickly again.
		next := tokentest.NewKey(t, "ES256", "a")
		v.endpoint.Publish(t, next)
		got := flood(time.Minute)
		mustVerify(t, v.Remote, signed(t, next))
		if got < 3 {
			t.Errorf("%d fetches in the minute in which a key changed, want 3 or more", got)
		}
	})
}

// Attack: forged signatures delay the fetch for an unknown `kid`.
func TestForgedSignaturesDoNotDelayNewKeys(t *testing.T) {
	key, next := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "next")
	inBubble(t, []*tokentest.Key{key}, func(t *testing.T, v bubble) {
		forged := signed(t, tokentest.NewKey(t, "ES256", "a"))
		for range 3000 {
			mustRefuse(t, v.Remote, forged, keys.ErrInvalid)
			time.Sleep(100 * time.Millisecond)
		}
		v.endpoint.Publish(t, key, next)
		mustRefuse(t, v.Remote, signed(t, next), keys.ErrUnknownKey)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		mustVerify(t, v.Remote, signed(t, next))
	})
}
