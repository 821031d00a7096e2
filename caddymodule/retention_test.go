package caddymodule

import (
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
)

// Attack: a session is revoked, and weeks later somebody uses its refresh token at the
// issuer. The issuer has not heard of the logout. So by default revocations are kept for as
// long as refresh tokens usually live, and never shorter than access tokens do.
func TestRevocationsAreKeptForThirtyDays(t *testing.T) {
	const day = 24 * time.Hour
	for config, want := range map[string]time.Duration{
		`"max_token_lifetime": "0s"`:                      30 * day,
		`"max_token_lifetime": "48h"`:                     30 * day,
		`"max_token_lifetime": "2160h"`:                   90 * day,
		`"max_token_lifetime": "48h", "retention": "48h"`: 2 * day,
	} {
		app, err := provisioned(t, refusal{app: config})
		if err != nil {
			t.Errorf("%s: %v", config, err)
			continue
		}
		if got := time.Duration(app.Retention); got != want {
			t.Errorf("%s: revocations are kept for %v, want %v", config, got, want)
		}
		if err := app.Cleanup(); err != nil {
			t.Error(err)
		}
	}
}

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
