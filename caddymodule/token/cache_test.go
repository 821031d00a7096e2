package token_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// cacheToken verifies a token until the cache returns it.
func cacheToken(t testing.TB, v *token.Verifier, raw string) *token.Verified {
	t.Helper()
	for range 100 {
		first := mustVerify(t, v, raw)
		v.WaitForCache()
		if first == mustVerify(t, v, raw) {
			return first
		}
	}
	t.Fatal("the cache never stored the token")
	return nil
}

func TestCacheAnswersWithTheSameToken(t *testing.T) {
	v, key := hmacVerifier(t)
	raw := tokentest.Mint(t, key, tokentest.Claims(now, nil))
	verified := cacheToken(t, v, raw)
	// A copy of the text at another address must hit, too.
	if got := mustVerify(t, v, string([]byte(raw))); got != verified {
		t.Error("verified again")
	}
	if n := testing.AllocsPerRun(1000, func() { _, _ = v.Verify(raw, now) }); n != 0 {
		t.Errorf("a hit allocates %v times", n)
	}
}

// Attack: two tokens have the same hash, so that one user gets the claims of the other.
func TestCacheDistinguishesCollidingTokens(t *testing.T) {
	v, key := hmacVerifier(t)
	v.SetHash(func(string) uint64 { return 42 })
	alice := tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"sub": "alice"}))
	bob := tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"sub": "bob"}))
	cacheToken(t, v, alice)
	for range 3 {
		if got := mustVerify(t, v, bob).Subject; got != "bob" {
			t.Fatalf("bob's token gives %q", got)
		}
		v.WaitForCache()
		if got := mustVerify(t, v, alice).Subject; got != "alice" {
			t.Fatalf("alice's token gives %q", got)
		}
		v.WaitForCache()
	}
	mustRefuse(t, v, alice+"A", token.ErrInvalid)
}

// Attack: a token that was valid once stays valid in the cache.
func TestCacheChecksTimeOnEveryHit(t *testing.T) {
	v, key := hmacVerifier(t)
	raw := tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"nbf": now.Unix() - 60}))
	verified := cacheToken(t, v, raw)
	for _, tt := range []struct {
		after time.Duration
		want  error
	}{
		{0, nil},
		{5*time.Minute + 29*time.Second, nil},
		{5*time.Minute + 30*time.Second, token.ErrExpired},
		{24 * 365 * time.Hour, token.ErrExpired},
		{-30 * time.Second, nil}, // iat - leeway
		{-31 * time.Second, token.ErrInvalid},
	} {
		got, err := v.Verify(raw, now.Add(tt.after))
		if !errors.Is(err, tt.want) || (err == nil) != (got == verified) {
			t.Errorf("after %s: token %v, error %v, want %v", tt.after, got == verified, err, tt.want)
		}
	}
}

// Attack: forged tokens push the tokens of real users out of the cache.
func TestCacheHoldsOnlyVerifiedTokens(t *testing.T) {
	v, key := hmacVerifier(t)
	attacker := tokentest.NewKey(t, "HS256", "")
	for i := range 100 {
		claims := tokentest.Claims(now, map[string]any{"sid": fmt.Sprint(i)})
		mustRefuse(t, v, tokentest.Mint(t, attacker, claims), token.ErrInvalid)
		claims["exp"] = now.Unix() - 3000
		claims["iat"] = now.Unix() - 3100
		mustRefuse(t, v, tokentest.Mint(t, key, claims), token.ErrExpired)
	}
	v.WaitForCache()
	if cached := v.Cached(); len(cached) != 0 {
		t.Errorf("%d refused tokens in the cache", len(cached))
	}
}

// If two Sets race for a new key, ristretto keeps the first. Whatever an upgrade changes
// there, the cache must end with a fresh token.
func TestCacheRecoversFromADoubleSet(t *testing.T) {
	v, key := hmacVerifier(t)
	raw := tokentest.Mint(t, key, tokentest.Claims(now, nil))
	old := mustVerify(t, v, raw) // lacks the view
	index := v.AddView([]string{"sub"})
	current := mustVerify(t, v, raw)
	if old == current {
		t.Fatal("answered with a token that lacks the view")
	}
	v.Cache(old, now.Unix())
	v.Cache(current, now.Unix())
	verified := cacheToken(t, v, raw)
	if got, _ := verified.View(index)("http.auth.user.sub"); got != "alice" {
		t.Errorf("view says %v", got)
	}
}

// Attack: so many sessions that the gate runs out of memory (invariant 12).
func TestCacheIsBoundedInBytes(t *testing.T) {
	const many = 100_000
	v, key := hmacVerifier(t)
	model := mustVerify(t, v, tokentest.Mint(t, key, tokentest.Claims(now, nil)))
	for i := range many {
		v.Cache(model.WithRaw(fmt.Sprint("token ", i)), now.Unix())
		if i%10_000 == 0 {
			v.WaitForCache()
		}
	}
	v.WaitForCache()
	var bytes int64
	cached := v.Cached()
	for _, verified := range cached {
		bytes += verified.Size()
	}
	if bytes > token.MinCacheBytes || v.CacheUsed() > token.MinCacheBytes {
		t.Errorf("%d tokens take %d bytes, the cache counts %d, want %d at most",
			len(cached), bytes, v.CacheUsed(), token.MinCacheBytes)
	}
	// The cache must also use nearly all of its bound.
	if bytes < token.MinCacheBytes*9/10 {
		t.Errorf("%d tokens take %d bytes, want nearly %d", len(cached), bytes, token.MinCacheBytes)
	}
}

func TestSweepRemovesExpiredTokens(t *testing.T) {
	v, key := hmacVerifier(t)
	claims := tokentest.Claims(now, nil)
	for i := range 50 {
		claims["sid"] = fmt.Sprint(i)
		cacheToken(t, v, tokentest.Mint(t, key, claims))
	}
	later := now.Add(time.Hour)
	fresh := tokentest.Mint(t, key, tokentest.Claims(later, nil))
	if _, err := v.Verify(fresh, later); err != nil {
		t.Fatal(err)
	}
	v.WaitForSweep()
	v.WaitForCache()
	cached := v.Cached()
	if len(cached) != 1 || cached[0].IssuedAt != later.Unix() {
		t.Errorf("%d tokens left, want the fresh one", len(cached))
	}
}

// Attack: a reload under load. Ristretto panics if a Set or a Get meets Close, and the
// process would end.
func TestCloseUnderLoad(t *testing.T) {
	key := tokentest.NewKey(t, "HS256", "")
	raws := make([]string, 200)
	for i := range raws {
		raws[i] = tokentest.Mint(t, key, tokentest.Claims(now, map[string]any{"sid": fmt.Sprint(i)}))
	}
	for range 4 {
		v := verifierFor(t, sourceFor(t, key))
		var requests sync.WaitGroup
		for range 4 {
			requests.Go(func() {
				for i := range raws {
					if _, err := v.Verify(raws[i], now.Add(time.Duration(i)*time.Second)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		requests.Go(func() {
			mustVerify(t, v, raws[0])
			v.Close()
		})
		requests.Wait()
		if cached := v.Cached(); len(cached) != 0 {
			t.Errorf("%d tokens in a closed cache", len(cached))
		}
	}
}
