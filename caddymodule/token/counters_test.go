package token_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

func wantCounts(t *testing.T, c *token.Counters, hits, verified, refused uint64) {
	t.Helper()
	if c.Hits() != hits || c.Verified() != verified || c.Refused() != refused {
		t.Errorf("counted %d hits, %d verified and %d refused, want %d, %d and %d", c.Hits(), c.Verified(), c.Refused(), hits, verified, refused)
	}
}

// Each call counts once: as a hit, as verified, or as refused, also if the cache holds the token.
func TestEachTokenCountsOnce(t *testing.T) {
	c, key := new(token.Counters), tokentest.NewKey(t, "HS256", "")
	shared := func(o *token.Options) { o.Counters = c }
	v := verifierFor(t, sourceFor(t, key), shared)
	raw := tokentest.Mint(t, key, tokentest.Claims(now, nil))
	first := mustVerify(t, v, raw)
	calls := uint64(1)
	for again := mustVerify(t, v, raw); ; again = mustVerify(t, v, raw) {
		if calls++; again == first { // the cache stores it with a delay, and then returns it
			break
		}
		first = again
	}
	if c.Hits() == 0 || c.Hits()+c.Verified() != calls {
		t.Errorf("counted %d hits and %d verified in %d calls", c.Hits(), c.Verified(), calls)
	}
	hits, verified := c.Hits(), c.Verified()
	if _, err := v.Verify(raw, now.Add(24*time.Hour)); err == nil {
		t.Error("an expired token is accepted")
	}
	for _, bad := range []string{"", "x", raw + "x"} {
		if _, err := v.Verify(bad, now); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	wantCounts(t, c, hits, verified, 4)
	// A verifier of the next configuration goes on.
	if _, err := verifierFor(t, sourceFor(t, key), shared).Verify(raw, now); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, c, hits, verified+1, 4)
}

// Fault: a token that waits for its key is counted as refused before the wait, and as verified
// after it.
func TestATokenThatWaitsCountsOnce(t *testing.T) {
	old, next := tokentest.NewKey(t, "ES256", "old"), tokentest.NewKey(t, "ES256", "next")
	c := new(token.Counters)
	v, endpoint := withKeySet(t, old, func(o *token.Options) { o.Counters = c })
	at := time.Now()
	whenAsked(t, endpoint, next)
	if _, err := v.VerifyWaiting(t.Context(), tokentest.Mint(t, next, tokentest.Claims(at, nil)), &at); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, c, 0, 1, 0)
	endpoint.Behave(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	stranger := tokentest.NewKey(t, "ES256", "stranger")
	if _, err := v.VerifyWaiting(t.Context(), tokentest.Mint(t, stranger, tokentest.Claims(at, nil)), &at); err == nil {
		t.Fatal("accepted")
	}
	wantCounts(t, c, 0, 1, 1)
}
