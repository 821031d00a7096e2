package caddymodule

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// The attack: an issuer whose clock is ahead by the whole leeway makes a token of
// the longest lifetime. Its session is ended at once; the token must not be good
// for longer than that is remembered.
func TestARevocationOutlivesEveryTokenThatItNames(t *testing.T) {
	for _, leeway := range []time.Duration{0, 30 * time.Second, 5 * time.Minute} {
		t.Run(leeway.String(), func(t *testing.T) {
			config := boltApp(t.TempDir() + "/revocations.db")
			config.Leeway = (*caddy.Duration)(&leeway)
			app := provisionApp(t, config)
			key := &tokentest.Key{Algorithm: "HS256", Secret: []byte(config.Issuer[0].HMACSecret[0])}
			now := time.Now()
			issued := now.Add(leeway)
			claims := tokentest.Claims(issued, map[string]any{"exp": issued.Add(24 * time.Hour).Unix()})
			verified, err := app.verifier.Verify(tokentest.Mint(t, key, claims), now)
			if err != nil {
				t.Fatalf("the token is not accepted: %v", err)
			}
			if good, kept := verified.Keys.Expires, app.expires(now); good >= kept {
				t.Errorf("the token is good until %d, its revocation is kept until %d", good, kept)
			}
		})
	}
}

// An expiry is rounded up, so that a repeat soon after does not move it. It is never
// earlier than it has to be, and never more than an hour later.
func TestExpiriesAreRoundedUp(t *testing.T) {
	for name, c := range map[string]struct{ retention, step time.Duration }{
		"a day, by a 64th":             {24 * time.Hour, 22*time.Minute + 30*time.Second},
		"an hour, by a minute":         {time.Hour, time.Minute},
		"ten seconds, by a minute":     {10 * time.Second, time.Minute},
		"ninety days, by an hour":      {90 * 24 * time.Hour, time.Hour},
		"two minutes more than a 64th": {130 * time.Minute, 130 * time.Minute / 64},
	} {
		t.Run(name, func(t *testing.T) {
			app := &App{Retention: caddy.Duration(c.retention), shared: new(shared)}
			least := c.retention + 2*maxLeeway + clockSkew
			now, ends, last := time.Unix(1_800_000_000, 0), make(map[int64]bool), int64(0)
			for range 10_000 {
				now = now.Add(c.step / 100)
				expires := app.expires(now)
				if late := time.Unix(expires, 0).Sub(now.Add(least)); late < 0 || late > c.step {
					t.Fatalf("%v later than it has to be, want 0 to %v", late, c.step)
				}
				if expires < last {
					t.Fatalf("a later revocation expires sooner, by %d s", last-expires)
				}
				ends[expires], last = true, expires
			}
			if n := len(ends); n < 99 || n > 102 {
				t.Errorf("a hundred steps have %d expiries, want one for each", n)
			}
		})
	}
}
