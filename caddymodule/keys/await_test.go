package keys_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// verifyWaiting verifies as a request does, and returns how long that took.
func verifyWaiting(ctx context.Context, v keys.Source, s keys.Signature) (took time.Duration, err error) {
	began := time.Now()
	if err = v.Verify(s); err != nil {
		if err = keys.Await(ctx, err); err == nil {
			err = v.Verify(s)
		}
	}
	return time.Since(began), err
}

// wantWaited fails the test unless the result and the time are as wanted.
func wantWaited(t *testing.T, v keys.Source, s keys.Signature, want error, limit time.Duration) {
	t.Helper()
	took, err := verifyWaiting(t.Context(), v, s)
	if !errors.Is(err, want) || errors.Is(err, keys.ErrInvalid) && errors.Is(err, keys.ErrUnavailable) || took != limit {
		t.Errorf("after %v: %v, want after %v: %v", took, err, limit, want)
	}
}

// slowly makes an endpoint answer after a time.
func slowly(t *testing.T, pause time.Duration, published ...*tokentest.Key) http.HandlerFunc {
	t.Helper()
	answer := tokentest.NewEndpoint(t, published...)
	return func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(pause):
			answer.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	}
}

// The issuer publishes a key and signs with it at once. The first token waits for the key set,
// at most a second.
func TestATokenOfANewKeyWaitsForIt(t *testing.T) {
	old, next := tokentest.NewKey(t, "ES256", "old"), tokentest.NewKey(t, "ES256", "next")
	down := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	for name, tt := range map[string]struct {
		behave http.HandlerFunc
		want   error
		took   time.Duration
	}{
		"it comes at once":          {slowly(t, 0, old, next), nil, 0},
		"it comes in time":          {slowly(t, 900*time.Millisecond, old, next), nil, 900 * time.Millisecond},
		"it comes late":             {slowly(t, 1100*time.Millisecond, old, next), keys.ErrUnavailable, time.Second},
		"the issuer hangs":          {slowly(t, time.Hour), keys.ErrUnavailable, time.Second},
		"the issuer is down":        {down, keys.ErrUnavailable, 0},
		"the issuer has no such":    {slowly(t, 100*time.Millisecond, old), keys.ErrInvalid, 100 * time.Millisecond},
		"the issuer's set is empty": {slowly(t, 100*time.Millisecond), keys.ErrUnavailable, 100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, []*tokentest.Key{old}, func(t *testing.T, v bubble) {
				v.endpoint.Behave(tt.behave)
				wantWaited(t, v.Remote, signed(t, next), tt.want, tt.took)
				wantWaited(t, v.Remote, signed(t, old), nil, 0)
			})
		})
	}
}

// The set is fetched at most once in 5 s. A token that comes in between waits only if the next
// fetch is near. It is never refused as invalid without a fetch.
func TestATokenOfANewKeyIsUnavailableWhileAFetchIsDue(t *testing.T) {
	old, next := tokentest.NewKey(t, "ES256", "old"), tokentest.NewKey(t, "ES256", "next")
	inBubble(t, []*tokentest.Key{old}, func(t *testing.T, v bubble) {
		unknown := withKeyID(signed(t, next), "no such key")
		wantWaited(t, v.Remote, unknown, keys.ErrInvalid, 0)
		v.endpoint.Publish(t, old, next)
		wantWaited(t, v.Remote, signed(t, next), keys.ErrUnavailable, 0)
		time.Sleep(3 * time.Second)
		wantWaited(t, v.Remote, unknown, keys.ErrUnavailable, 0)
		time.Sleep(1500 * time.Millisecond)
		wantWaited(t, v.Remote, signed(t, next), nil, 500*time.Millisecond)
		wantWaited(t, v.Remote, unknown, keys.ErrUnavailable, 0)
		if got := v.endpoint.Fetches(tokentest.KeySetPath); got != 3 {
			t.Errorf("%d fetches, want 3", got)
		}
	})
}

// Fault: a client repeats a request with a wrong `kid`, one after the other. The first one that waited
// for the next fetch did so until just after its beginning, each time, and the client was told for
// ever to try again.
func TestARepeatedTokenOfNoKeyIsDecidedByTheNextFetch(t *testing.T) {
	old, next := tokentest.NewKey(t, "ES256", "old"), tokentest.NewKey(t, "ES256", "next")
	inBubble(t, []*tokentest.Key{old}, func(t *testing.T, v bubble) {
		v.endpoint.Behave(slowly(t, 100*time.Millisecond, old))
		began := time.Now()
		wantWaited(t, v.Remote, signed(t, next), keys.ErrInvalid, 100*time.Millisecond)
		for {
			time.Sleep(10 * time.Millisecond)
			_, err := verifyWaiting(t.Context(), v.Remote, signed(t, next))
			if errors.Is(err, keys.ErrInvalid) {
				return
			}
			if took := time.Since(began); !errors.Is(err, keys.ErrUnavailable) || took > 6*time.Second {
				t.Fatalf("after %v: %v", took, err)
			}
		}
	})
}

// A regular fetch that is running may bring the key. If it began too early, the token waits for
// the next one.
func TestATokenOfANewKeyWaitsForTheRunningFetch(t *testing.T) {
	old, next := tokentest.NewKey(t, "ES256", "old"), tokentest.NewKey(t, "ES256", "next")
	for name, behave := range map[string]http.HandlerFunc{
		"it brings the key": slowly(t, 400*time.Millisecond, old, next),
		"it began too early": func() http.HandlerFunc {
			early, late := slowly(t, 400*time.Millisecond, old), slowly(t, 0, old, next)
			var fetches atomic.Int64
			return func(w http.ResponseWriter, r *http.Request) {
				if fetches.Add(1) == 1 {
					early(w, r)
				} else {
					late(w, r)
				}
			}
		}(),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, []*tokentest.Key{old}, func(t *testing.T, v bubble) {
				v.endpoint.Behave(behave)
				time.Sleep(10*time.Minute + 100*time.Millisecond)
				wantWaited(t, v.Remote, signed(t, next), nil, 300*time.Millisecond)
			})
		})
	}
}

// The issuer changes its key, and many users log in at once. One fetch answers them all.
func TestManyTokensOfANewKeyCostOneFetch(t *testing.T) {
	old, next := tokentest.NewKey(t, "ES256", "old"), tokentest.NewKey(t, "ES256", "next")
	inBubble(t, []*tokentest.Key{old}, func(t *testing.T, v bubble) {
		var wait sync.WaitGroup
		v.endpoint.Publish(t, old, next)
		for range 100 {
			wait.Go(func() { wantWaited(t, v.Remote, signed(t, next), nil, 0) })
		}
		wait.Wait()
		time.Sleep(time.Minute)
		if got := v.endpoint.Fetches(tokentest.KeySetPath); got < 2 || got > 3 {
			t.Errorf("%d fetches, want that of the start and one or two", got)
		}
	})
}

// Attack: use a stolen key that the issuer has withdrawn, while invented `kid`s keep the gate from
// asking. Clients with such tokens have to log in, and must not be told to try again for ever.
// If the issuer publishes the key again, it is found.
func TestATokenOfAWithdrawnKeyIsInvalidWithoutAWait(t *testing.T) {
	stolen, other := tokentest.NewKey(t, "ES256", "stolen"), tokentest.NewKey(t, "ES256", "other")
	inBubble(t, []*tokentest.Key{stolen, other}, func(t *testing.T, v bubble) {
		v.endpoint.Publish(t, other)
		unknown := withKeyID(signed(t, stolen), "no such key")
		wantWaited(t, v.Remote, unknown, keys.ErrInvalid, 0)
		for range 3 {
			wantWaited(t, v.Remote, signed(t, stolen), keys.ErrInvalid, 0)
			wantWaited(t, v.Remote, unknown, keys.ErrUnavailable, 0)
			time.Sleep(time.Second)
		}
		v.endpoint.Publish(t, other, stolen)
		time.Sleep(1500 * time.Millisecond)
		wantWaited(t, v.Remote, signed(t, stolen), nil, 500*time.Millisecond)
	})
}

// Attack: invent a `kid` for each request, to hold a goroutine and a connection each for a
// second. The bound is 128; the rest is answered at once, and users never wait.
func TestInventedKeyIDsHoldFewCallers(t *testing.T) {
	key, attacker := tokentest.NewKey(t, "ES256", "a"), tokentest.NewKey(t, "ES256", "")
	inBubble(t, []*tokentest.Key{key}, func(t *testing.T, v bubble) {
		v.endpoint.Behave(slowly(t, time.Hour))
		forged := signed(t, attacker)
		began := time.Now()
		var atOnce, waited atomic.Int64
		var wait sync.WaitGroup
		for i := range 1000 {
			wait.Go(func() {
				took, err := verifyWaiting(t.Context(), v.Remote, withKeyID(forged, fmt.Sprint(i)))
				if !errors.Is(err, keys.ErrUnavailable) {
					t.Errorf("refused: %v", err)
				}
				if took == 0 {
					atOnce.Add(1)
				} else {
					waited.Add(1)
				}
			})
		}
		synctest.Wait()
		wantWaited(t, v.Remote, signed(t, key), nil, 0)
		wait.Wait()
		if atOnce.Load() != 1000-128 || waited.Load() != 128 || time.Since(began) != time.Second {
			t.Errorf("%d callers waited and %d did not, %v in all", waited.Load(), atOnce.Load(), time.Since(began))
		}
		// A client that hangs up waits no longer, and its place is free again.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if took, err := verifyWaiting(ctx, v.Remote, withKeyID(forged, "x")); took != 0 || !errors.Is(err, keys.ErrUnavailable) {
			t.Errorf("after %v: %v", took, err)
		}
	})
}

// Attack: invent a `kid` for each request, so that the tokens of a key that the issuer has just
// published are refused as invalid. Its clients would log out. Whenever the key is published,
// they are told to try again, and are admitted within 5 s.
func TestInventedKeyIDsDoNotMakeANewKeyInvalid(t *testing.T) {
	old, attacker := tokentest.NewKey(t, "ES256", "old"), tokentest.NewKey(t, "ES256", "")
	for _, after := range []time.Duration{0, time.Millisecond, 2500 * time.Millisecond, 4999 * time.Millisecond, 13 * time.Second} {
		inBubble(t, []*tokentest.Key{old}, func(t *testing.T, v bubble) {
			forged := signed(t, attacker)
			ctx, cancel := context.WithCancel(t.Context())
			var flood sync.WaitGroup
			flood.Go(func() {
				for i := 0; ctx.Err() == nil; i++ {
					flood.Go(func() { _, _ = verifyWaiting(ctx, v.Remote, withKeyID(forged, fmt.Sprint(i))) })
					time.Sleep(10 * time.Millisecond)
				}
			})
			time.Sleep(after)
			next := tokentest.NewKey(t, "ES256", "next")
			v.endpoint.Publish(t, old, next)
			published := time.Now()
			var err error
			for err = errors.New("not tried"); err != nil && time.Since(published) < 6*time.Second; time.Sleep(100 * time.Millisecond) {
				if _, err = verifyWaiting(t.Context(), v.Remote, signed(t, next)); errors.Is(err, keys.ErrInvalid) {
					t.Errorf("published after %v: invalid after %v", after, time.Since(published))
				}
			}
			if err != nil {
				t.Errorf("published after %v: not found in 6 s", after)
			}
			cancel()
			flood.Wait()
		})
	}
}
