package token_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

const keySetURL = "https://id.example.com" + tokentest.KeySetPath

// remoteKeys are started keys of an endpoint without a network, closed at the
// end of the bubble.
func remoteKeys(t *testing.T, endpoint http.RoundTripper, options token.RemoteOptions) *token.RemoteKeys {
	t.Helper()
	keys, err := token.NewRemoteKeys(options)
	if err != nil {
		t.Fatal(err)
	}
	keys.SetTransport(endpoint)
	keys.Start()
	t.Cleanup(keys.Close)
	return keys
}

// bubble is a verifier and the endpoint of its keys.
type bubble struct {
	*token.Verifier
	keys     *token.RemoteKeys
	endpoint *tokentest.Endpoint
}

// inBubble runs a test in fake time, with the first fetch behind it.
func inBubble(t *testing.T, first []*tokentest.Key, test func(t *testing.T, b bubble)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		endpoint := tokentest.NewEndpoint(t, first...)
		keys := remoteKeys(t, endpoint, token.RemoteOptions{URL: keySetURL})
		synctest.Wait()
		test(t, bubble{verifierFor(t, keys), keys, endpoint})
	})
}

func mint(t *testing.T, key *tokentest.Key) string {
	t.Helper()
	return tokentest.Mint(t, key, tokentest.Claims(now, nil))
}

func TestRemoteKeysFindKeyByID(t *testing.T) {
	a, b := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "b")
	ed, rsa := tokentest.NewKey(t, "EdDSA", "ed"), tokentest.NewKey(t, "RS256", "rsa")
	inBubble(t, []*tokentest.Key{a, b, ed, rsa}, func(t *testing.T, v bubble) {
		for _, key := range []*tokentest.Key{a, b, ed, rsa, rsa.As("PS512")} {
			mustVerify(t, v.Verifier, mint(t, key))
		}
		// The attack: a key of the set under the name of another.
		mustRefuse(t, v.Verifier, tokentest.Mint(t, a, tokentest.Claims(now, nil), map[string]any{"kid": "b"}), token.ErrInvalid)
		mustRefuse(t, v.Verifier, tokentest.Mint(t, a, tokentest.Claims(now, nil), map[string]any{"kid": "ed"}), token.ErrInvalid)
		// Without a kid only the one key that fits is meant.
		mustVerify(t, v.Verifier, tokentest.Mint(t, ed, tokentest.Claims(now, nil), map[string]any{"kid": nil}))
		mustRefuse(t, v.Verifier, tokentest.Mint(t, a, tokentest.Claims(now, nil), map[string]any{"kid": nil}), token.ErrInvalid)
	})
}

func TestRemoteKeysAreUnavailableUntilLoaded(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	synctest.Test(t, func(t *testing.T) {
		endpoint := tokentest.NewEndpoint(t, key)
		endpoint.Behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
		keys := remoteKeys(t, endpoint, token.RemoteOptions{URL: keySetURL})
		v := verifierFor(t, keys)
		// Invariant 7: a technical failure is never a 401.
		mustRefuse(t, v, mint(t, key), token.ErrUnavailable)
		// Fetches after 0, 1, 3, 7, 15, 31, then every 30 s.
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if got := endpoint.Fetches(tokentest.KeySetPath); got != 8 {
			t.Errorf("%d fetches in two minutes, want 8", got)
		}
		if keys.Loaded() {
			t.Error("loaded out of nothing")
		}
		mustRefuse(t, v, mint(t, key), token.ErrUnavailable)
		endpoint.Behave(nil)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if !keys.Loaded() {
			t.Error("not loaded 30 s after the endpoint came back")
		}
		mustVerify(t, v, mint(t, key))
	})
}

func TestRemoteKeysPickUpNewKeyWithinSeconds(t *testing.T) {
	old, next := tokentest.NewKey(t, "ES256", "old"), tokentest.NewKey(t, "ES256", "next")
	inBubble(t, []*tokentest.Key{old}, func(t *testing.T, v bubble) {
		cached := cacheToken(t, v.Verifier, mint(t, old))
		v.endpoint.Publish(t, old, next)
		began := time.Now()
		mustRefuse(t, v.Verifier, mint(t, next), token.ErrInvalid)
		if time.Since(began) != 0 {
			t.Error("a request waited for the fetch")
		}
		time.Sleep(5 * time.Second)
		synctest.Wait()
		mustVerify(t, v.Verifier, mint(t, next))
		if v.keys.Epoch() != 0 {
			t.Error("a new key began an epoch")
		}
		if got := mustVerify(t, v.Verifier, cached.Raw()); got != cached {
			t.Error("a new key made a token of an old one stale")
		}
	})
}

// The attack: a flood of unknown key ids, so that the gate floods the issuer,
// or that requests pile up behind fetches (invariant 12).
func TestUnknownKeyIDsFetchAtMostOncePerFiveSeconds(t *testing.T) {
	key, attacker := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "")
	inBubble(t, []*tokentest.Key{key}, func(t *testing.T, v bubble) {
		forged := mint(t, attacker)
		signed := forged[len("eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9"):]
		for i := range 10_000 {
			header := b64(fmt.Appendf(nil, `{"alg":"ES256","kid":"%d"}`, i))
			mustRefuse(t, v.Verifier, header+signed, token.ErrInvalid)
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		// A hundred seconds: twenty fetches, and the first one.
		if got := v.endpoint.Fetches(tokentest.KeySetPath); got < 15 || got > 21 {
			t.Errorf("%d fetches in 100 s, want 21 at most", got)
		}
		mustVerify(t, v.Verifier, mint(t, key))
	})
}

// The attack: a key was stolen, and the issuer took it out of the set. What it
// signed must not go on passing from the cache.
func TestRemovedKeyEndsItsTokens(t *testing.T) {
	stolen, other := tokentest.NewKey(t, "ES256", "stolen"), tokentest.NewKey(t, "ES256", "other")
	replaced := tokentest.NewKey(t, "ES256", "stolen")
	for name, next := range map[string][]*tokentest.Key{"removed": {other}, "replaced": {replaced, other}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, []*tokentest.Key{stolen, other}, func(t *testing.T, v bubble) {
				raw, good := mint(t, stolen), mint(t, other)
				cacheToken(t, v.Verifier, raw)
				before := cacheToken(t, v.Verifier, good)
				v.endpoint.Publish(t, next...)
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				mustRefuse(t, v.Verifier, raw, token.ErrInvalid)
				if v.keys.Epoch() != 1 {
					t.Errorf("epoch %d, want 1", v.keys.Epoch())
				}
				// Others are verified anew once, and cached again.
				if after := cacheToken(t, v.Verifier, good); after == before {
					t.Error("a token of an older epoch was not verified anew")
				}
			})
		})
	}
}

func TestRefreshThatChangesNothingKeepsTheEpoch(t *testing.T) {
	a, b := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "EdDSA", "b")
	inBubble(t, []*tokentest.Key{a, b}, func(t *testing.T, v bubble) {
		cached := cacheToken(t, v.Verifier, mint(t, a))
		v.endpoint.Publish(t, b, a)
		time.Sleep(time.Hour)
		synctest.Wait()
		if got := v.endpoint.Fetches(tokentest.KeySetPath); got != 7 {
			t.Errorf("%d fetches in an hour, want 7", got)
		}
		if got := mustVerify(t, v.Verifier, cached.Raw()); got != cached || v.keys.Epoch() != 0 {
			t.Errorf("epoch %d, same token %t", v.keys.Epoch(), got == cached)
		}
	})
}

// The fault: the endpoint answers nothing but errors for nearly a day.
func TestLastGoodKeysStayDuringAnOutage(t *testing.T) {
	key, next := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "next")
	inBubble(t, []*tokentest.Key{key}, func(t *testing.T, v bubble) {
		v.endpoint.Behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
		time.Sleep(24*time.Hour - time.Minute)
		synctest.Wait()
		mustVerify(t, v.Verifier, mint(t, key))
		// Nobody can tell whether this key is new or forged: not a 401.
		mustRefuse(t, v.Verifier, mint(t, next), token.ErrUnavailable)
		v.endpoint.Behave(nil)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		mustRefuse(t, v.Verifier, mint(t, next), token.ErrInvalid)
	})
}

// The fault: the endpoint takes requests and never answers.
func TestSlowEndpointIsGivenUp(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	inBubble(t, []*tokentest.Key{key}, func(t *testing.T, v bubble) {
		v.endpoint.Behave(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		time.Sleep(10*time.Minute + 5*time.Second)
		synctest.Wait()
		mustRefuse(t, v.Verifier, mint(t, tokentest.NewKey(t, "ES256", "x")), token.ErrUnavailable)
		mustVerify(t, v.Verifier, mint(t, key))
		began := time.Now()
		v.keys.Close() // also while a fetch is under way
		if time.Since(began) != 0 {
			t.Error("Close waited for the endpoint")
		}
	})
}

func TestTwoVerifiersShareRemoteKeys(t *testing.T) {
	key := tokentest.NewKey(t, "ES256", "a")
	inBubble(t, []*tokentest.Key{key}, func(t *testing.T, v bubble) {
		second := verifierFor(t, v.keys)
		v.keys.Start()
		synctest.Wait()
		mustVerify(t, second, mint(t, key))
		v.Close()
		mustVerify(t, second, mint(t, key))
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
	keys, err := token.NewRemoteKeys(token.RemoteOptions{URL: keySetURL})
	if err != nil {
		t.Fatal(err)
	}
	keys.SetTransport(endpoint)
	keys.Start()
	keys.Start()
	<-entered
	v, err := token.NewVerifier(token.Options{Issuers: []token.IssuerOptions{{Issuer: "x", AnyAudience: true, Keys: keys}}})
	if err != nil {
		t.Fatal(err)
	}
	v.Close()
	keys.Close()
	keys.Close()
	keys.Start() // after Close: nothing
	if _, err := v.Verify(mint(t, key), now); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("after Close: %v", err)
	}
}
