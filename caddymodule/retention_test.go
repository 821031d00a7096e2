package caddymodule

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Attack: the clock of an issuer is ahead by the whole leeway, and the issuer signs a token
// with the longest lifetime. Its session is revoked at once. The token must expire before
// its revocation does.
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
				t.Errorf("the token is valid until %d, its revocation is kept until %d", good, kept)
			}
		})
	}
}
