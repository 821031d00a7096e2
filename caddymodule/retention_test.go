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
			if err := app.Start(); err != nil {
				t.Fatal(err)
			}
			key := &tokentest.Key{Algorithm: "HS256", Secret: []byte(config.Issuer[0].HMACSecret[0])}
			now := time.Now()
			issued := now.Add(leeway)
			claims := tokentest.Claims(issued, map[string]any{"exp": issued.Add(24 * time.Hour).Unix()})
			verified, err := app.verifier.Verify(tokentest.Mint(t, key, claims), now)
			if err != nil {
				t.Fatalf("the token is not accepted: %v", err)
			}
			if good, kept := verified.Keys.Expires, app.hub.Expires(now); good >= kept {
				t.Errorf("the token is good until %d, its revocation is kept until %d", good, kept)
			}
		})
	}
}
