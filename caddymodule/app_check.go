package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/config"
	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/token"
)

// setDefaults sets the fields that are not configured.
func (a *App) setDefaults() {
	config.SetDefault(&a.MaxTokenLifetime, caddy.Duration(24*time.Hour))
	config.SetDefault(&a.Retention, max(caddy.Duration(30*24*time.Hour), a.MaxTokenLifetime))
	if a.Leeway == nil {
		leeway := caddy.Duration(30 * time.Second)
		a.Leeway = &leeway
	}
	config.SetDefault(&a.Lease, caddy.Duration(3*time.Second))
	config.SetDefault(&a.Acknowledge, "fleet")
	config.SetDefault(&a.OnStoreFailure, "deny")
	config.SetDefault(&a.Bootstrap, "auto")
	config.SetDefault(&a.Readiness, "lenient")
	config.SetDefault(&a.LogRefusals, "sampled")
	config.SetDefault(&a.TokenCache, 64<<20)
	config.SetDefault(&a.MaxTokenSize, token.DefaultTokenSize)
	if a.StoreRaw == nil {
		a.StoreRaw = json.RawMessage(`{"store": "bolt"}`)
	}
}

// check compares the app's own fields with each other and with their bounds.
func (a *App) check() error {
	if err := a.checkWords(); err != nil {
		return err
	}
	lifetime, retention := time.Duration(a.MaxTokenLifetime), time.Duration(a.Retention)
	lease, leeway, staleness := time.Duration(a.Lease), time.Duration(*a.Leeway), time.Duration(a.MaxStaleness)
	switch {
	case len(a.Issuer) == 0 || slices.Contains(a.Issuer, nil):
		return errors.New("checking session_gate: no issuer; name at least one whose tokens are accepted, " +
			"in the global options: session_gate { issuer https://… { … } }")
	case lifetime < time.Second:
		return fmt.Errorf("checking session_gate: max_token_lifetime %v is too short; at least 1s", lifetime)
	case a.MaxTokenSize < 1<<10 || a.MaxTokenSize > token.MaxTokenSize:
		return fmt.Errorf("checking session_gate: max_token_size %d bytes is out of range; 1KiB to 64KiB", a.MaxTokenSize)
	case retention < lifetime:
		// Invariant 4: a token must not outlive its revocation.
		return fmt.Errorf("checking session_gate: retention %v is shorter than max_token_lifetime %v, so that a token "+
			"could outlive its revocation; raise retention or lower max_token_lifetime", retention, lifetime)
	case leeway < 0 || leeway > hub.MaxLeeway:
		return fmt.Errorf("checking session_gate: leeway %v is out of range; 0s to 5m", leeway)
	case !hub.ValidLease(lease):
		return fmt.Errorf("checking session_gate: lease %v is out of range; 200ms to 5m", lease)
	case a.OnStoreFailure == "allow" && staleness < lease:
		return fmt.Errorf("checking session_gate: on_store_failure allow with a max_staleness of %v is shorter than the lease "+
			"of %v; say for how long the gate may go on, such as allow 1m", staleness, lease)
	case a.OnStoreFailure != "allow" && staleness != 0:
		return errors.New("checking session_gate: max_staleness goes with on_store_failure allow only")
	case a.TokenCache < 1<<20:
		return fmt.Errorf("checking session_gate: token_cache %d bytes is too small; at least 1MiB", a.TokenCache)
	}
	return checkMissing(a.Issuer, lifetime)
}

// checkWords refuses values that are not one of the words of their field.
func (a *App) checkWords() error {
	return errors.Join(
		config.OneOf("acknowledge", a.Acknowledge, "fleet", "lease", "store"),
		config.OneOf("on_store_failure", a.OnStoreFailure, "deny", "allow"),
		config.OneOf("bootstrap", a.Bootstrap, "auto", "manual", "relogin"),
		config.OneOf("readiness", a.Readiness, "lenient", "strict"),
		config.OneOf("log_refusals", a.LogRefusals, "sampled", "off", "all"),
	)
}
