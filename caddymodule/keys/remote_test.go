package keys_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

const keySetURL = "https://id.example.com" + tokentest.KeySetPath

// remoteKeys returns started keys of an endpoint without a network. They are closed at the
// end of the bubble.
func remoteKeys(t *testing.T, endpoint http.RoundTripper, options keys.RemoteOptions) *keys.Remote {
	t.Helper()
	remote, err := keys.NewRemote(options)
	if err != nil {
		t.Fatal(err)
	}
	remote.SetTransport(endpoint)
	remote.Start()
	t.Cleanup(remote.Close)
	return remote
}

// bubble holds remote keys and their endpoint.
type bubble struct {
	*keys.Remote
	endpoint *tokentest.Endpoint
}

// inBubble runs a test in fake time, after the first fetch.
func inBubble(t *testing.T, first []*tokentest.Key, test func(t *testing.T, b bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		endpoint := tokentest.NewEndpoint(t, first...)
		remote := remoteKeys(t, endpoint, keys.RemoteOptions{URL: keySetURL})
		synctest.Wait()
		test(t, bubble{remote, endpoint})
	})
}

func TestRemoteKeysFindKeyByID(t *testing.T) {
	a, b := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "b")
	ed, rsa := tokentest.NewKey(t, "EdDSA", "ed"), tokentest.NewKey(t, "RS256", "rsa")
	inBubble(t, []*tokentest.Key{a, b, ed, rsa}, func(t *testing.T, v bubble) {
		for _, key := range []*tokentest.Key{a, b, ed, rsa, rsa.As("PS512")} {
			mustVerify(t, v.Remote, signed(t, key))
		}
		// Attack: a key of the set under the name of another key.
		mustRefuse(t, v.Remote, withKeyID(signed(t, a), "b"), keys.ErrInvalid)
		mustRefuse(t, v.Remote, withKeyID(signed(t, a), "ed"), keys.ErrInvalid)
		// Without a kid, every key that fits is tried (Passport, devise and others set none).
		for _, key := range []*tokentest.Key{a, b, ed, rsa} {
			mustVerify(t, v.Remote, withKeyID(signed(t, key), ""))
		}
		mustRefuse(t, v.Remote, withKeyID(signed(t, tokentest.NewKey(t, "ES256", "")), ""), keys.ErrInvalid)
	})
}

// Attack (invariant 12): a set has a hundred keys, and forged tokens have no `kid`. Each may
// cost four signatures.
func TestATokenWithoutAKeyIDTriesFourKeys(t *testing.T) {
	var all []*tokentest.Key
	for i := range 6 {
		all = append(all, tokentest.NewKey(t, "EdDSA", fmt.Sprint(i)))
	}
	inBubble(t, all, func(t *testing.T, v bubble) {
		for i, key := range all {
			if i < 4 {
				mustVerify(t, v.Remote, withKeyID(signed(t, key), ""))
			} else {
				mustRefuse(t, v.Remote, withKeyID(signed(t, key), ""), keys.ErrInvalid)
			}
		}
		signatures := keys.CountSignatures(t)
		mustRefuse(t, v.Remote, withKeyID(signed(t, tokentest.NewKey(t, "EdDSA", "")), ""), keys.ErrInvalid)
		if n := signatures(); n != 4 {
			t.Errorf("%d signatures were verified, want 4", n)
		}
	})
}

func TestRemoteKeysAreUnavailableUntilLoaded(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	synctest.Test(t, func(t *testing.T) {
		endpoint := tokentest.NewEndpoint(t, key)
		endpoint.Behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		remote := remoteKeys(t, endpoint, keys.RemoteOptions{URL: keySetURL})
		// Invariant 7: a technical failure is never a 401.
		mustRefuse(t, remote, signed(t, key), keys.ErrUnavailable)
		// Fetches after 0, 1, 3, 7, 15, 31, then every 30 s.
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := endpoint.Fetches(tokentest.KeySetPath); got != 8 {
			t.Errorf("%d fetches in two minutes, want 8", got)
		}
		if remote.Loaded() {
			t.Error("loaded out of nothing")
		}
		mustRefuse(t, remote, signed(t, key), keys.ErrUnavailable)
		endpoint.Behave(nil)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if !remote.Loaded() {
			t.Error("not loaded 30 s after the endpoint came back")
		}
		mustVerify(t, remote, signed(t, key))
	})
}

func TestRemoteKeysPickUpNewKeyWithinSeconds(t *testing.T) {
	old, next := tokentest.NewKey(t, "ES256", "old"), tokentest.NewKey(t, "ES256", "next")
	inBubble(t, []*tokentest.Key{old}, func(t *testing.T, v bubble) {
		held := accept(t, v.Remote, signed(t, old))
		v.endpoint.Publish(t, old, next)
		began := time.Now()
		mustRefuse(t, v.Remote, signed(t, next), keys.ErrUnknownKey)
		synctest.Wait() // the fetch starts at once
		mustVerify(t, v.Remote, signed(t, next))
		if time.Since(began) != 0 {
			t.Error("a request waited for the fetch")
		}
		if v.Epoch() != 0 {
			t.Error("a new key began an epoch")
		}
		if mustVerify(t, v.Remote, held.Signature); !held.holds() {
			t.Error("a new key ended a signature of an old one")
		}
	})
}

// Attack: a flood of unknown key ids, so that the gate floods the issuer, or requests queue
// behind fetches (invariant 12).
func TestUnknownKeyIDsFetchAtMostOncePerFiveSeconds(t *testing.T) {
	key, attacker := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "")
	inBubble(t, []*tokentest.Key{key}, func(t *testing.T, v bubble) {
		forged := signed(t, attacker)
		for i := range 10_000 {
			mustRefuse(t, v.Remote, withKeyID(forged, fmt.Sprint(i)), keys.ErrUnknownKey)
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		// The fetch at the start, one at once, and twenty in a hundred seconds.
		if got := v.endpoint.Fetches(tokentest.KeySetPath); got < 15 || got > 22 {
			t.Errorf("%d fetches in 100 s, want 22 at most", got)
		}
		mustVerify(t, v.Remote, signed(t, key))
	})
}

// Attack: a key was stolen, and the issuer removed it from the set. Tokens that it signed
// must not pass from the cache.
func TestRemovedKeyEndsItsTokens(t *testing.T) {
	stolen, other := tokentest.NewKey(t, "ES256", "stolen"), tokentest.NewKey(t, "ES256", "other")
	replaced := tokentest.NewKey(t, "ES256", "stolen")
	for name, next := range map[string][]*tokentest.Key{"removed": {other}, "replaced": {replaced, other}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, []*tokentest.Key{stolen, other}, func(t *testing.T, v bubble) {
				raw, good := signed(t, stolen), signed(t, other)
				held, other := accept(t, v.Remote, raw), accept(t, v.Remote, good)
				v.endpoint.Publish(t, next...)
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				mustEnd(t, held, map[string]error{"removed": keys.ErrUnknownKey, "replaced": keys.ErrInvalid}[name])
				wantWaited(t, v.Remote, raw, keys.ErrInvalid, 0) // the issuer was asked once more
				if v.Epoch() != 1 {
					t.Errorf("epoch %d, want 1", v.Epoch())
				}
				// Other tokens are verified once more, and are then cached again.
				if other.holds() || !accept(t, v.Remote, good).holds() {
					t.Error("a signature of an older epoch holds, or one of this does not")
				}
			})
		})
	}
}

func TestRefreshThatChangesNothingKeepsTheEpoch(t *testing.T) {
	a, b := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "EdDSA", "b")
	inBubble(t, []*tokentest.Key{a, b}, func(t *testing.T, v bubble) {
		held := accept(t, v.Remote, signed(t, a))
		v.endpoint.Publish(t, b, a)
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := v.endpoint.Fetches(tokentest.KeySetPath); got != 7 {
			t.Errorf("%d fetches in an hour, want 7", got)
		}
		if mustVerify(t, v.Remote, held.Signature); !held.holds() || v.Epoch() != 0 {
			t.Errorf("epoch %d, want 0", v.Epoch())
		}
	})
}

// Fault: the endpoint answers only errors for nearly a day.
func TestLastGoodKeysStayDuringAnOutage(t *testing.T) {
	key, next := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "next")
	inBubble(t, []*tokentest.Key{key}, func(t *testing.T, v bubble) {
		v.endpoint.Behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		time.Sleep(24*time.Hour - time.Minute)
		synctest.Wait()
		mustVerify(t, v.Remote, signed(t, key))
		// The gate cannot know whether this key is new or forged: not a 401.
		mustRefuse(t, v.Remote, signed(t, next), keys.ErrUnavailable)
		v.endpoint.Behave(nil)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		mustRefuse(t, v.Remote, signed(t, next), keys.ErrUnknownKey)
	})
}

// Fault: the endpoint accepts requests and never answers.
func TestSlowEndpointIsGivenUp(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	inBubble(t, []*tokentest.Key{key}, func(t *testing.T, v bubble) {
		v.endpoint.Behave(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		time.Sleep(10*time.Minute + 5*time.Second)
		synctest.Wait()
		mustRefuse(t, v.Remote, signed(t, tokentest.NewKey(t, "ES256", "x")), keys.ErrUnavailable)
		mustVerify(t, v.Remote, signed(t, key))
		began := time.Now()
		v.Close() // even during a fetch
		if time.Since(began) != 0 {
			t.Error("Close waited for the endpoint")
		}
	})
}

// Two verifiers share the keys: both start them. The keys still verify after they are
// closed.
func TestKeysAreFetchedByOneAndOutliveClose(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	inBubble(t, []*tokentest.Key{key}, func(t *testing.T, v bubble) {
		v.Start()
		synctest.Wait()
		mustVerify(t, v.Remote, signed(t, key))
		v.Close()
		mustVerify(t, v.Remote, signed(t, key))
		if got := v.endpoint.Fetches(tokentest.KeySetPath); got != 1 {
			t.Errorf("%d fetches, want 1", got)
		}
	})
}

func TestCloseEndsEveryGoroutine(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	key := tokentest.NewKey(t, "ES256", "a")
	endpoint := tokentest.NewEndpoint(t, key)
	entered := make(chan struct{})
	var once sync.Once
	endpoint.Behave(func(_ http.ResponseWriter, r *http.Request) {
		once.Do(func() { close(entered) })
		<-r.Context().Done()
	})
	remote, err := keys.NewRemote(keys.RemoteOptions{URL: keySetURL})
	if err != nil {
		t.Fatal(err)
	}
	remote.SetTransport(endpoint)
	remote.Start()
	remote.Start()
	<-entered
	remote.Close()
	remote.Close()
	remote.Start() // after Close: nothing
	mustRefuse(t, remote, signed(t, key), keys.ErrUnavailable)
}
