package caddymodule

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
)

func (a *App) setDefaults() {
	setDefault(&a.MaxTokenLifetime, caddy.Duration(24*time.Hour))
	setDefault(&a.Retention, max(caddy.Duration(24*time.Hour), a.MaxTokenLifetime))
	if a.Leeway == nil {
		leeway := caddy.Duration(30 * time.Second)
		a.Leeway = &leeway
	}
	setDefault(&a.Lease, caddy.Duration(3*time.Second))
	setDefault(&a.Acknowledge, "fleet")
	setDefault(&a.OnStoreFailure, "deny")
	setDefault(&a.Bootstrap, "auto")
	setDefault(&a.Readiness, "lenient")
	setDefault(&a.TokenCache, 64<<20)
	if a.StoreRaw == nil {
		a.StoreRaw = json.RawMessage(`{"store": "bolt"}`)
	}
}

func setDefault[T comparable](field *T, value T) {
	var unset T
	if *field == unset {
		*field = value
	}
}

// check crosses the fields that need nothing but themselves.
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
	case retention < lifetime:
		// Invariant 4: a token must not outlive its revocation.
		return fmt.Errorf("checking session_gate: retention %v is shorter than max_token_lifetime %v, so that a token "+
			"could outlive its revocation; raise retention or lower max_token_lifetime", retention, lifetime)
	case leeway < 0 || leeway > hub.MaxLeeway:
		return fmt.Errorf("checking session_gate: leeway %v is out of range; 0s to 5m", leeway)
	case !leaseInRange(lease):
		return fmt.Errorf("checking session_gate: lease %v is out of range; 200ms to 5m", lease)
	case a.OnStoreFailure == "allow" && staleness < lease:
		return fmt.Errorf("checking session_gate: on_store_failure allow with a max_staleness of %v is shorter than the lease "+
			"of %v; say for how long the gate may go on, such as allow 1m", staleness, lease)
	case a.OnStoreFailure != "allow" && staleness != 0:
		return errors.New("checking session_gate: max_staleness goes with on_store_failure allow only")
	case a.TokenCache < 1<<20:
		return fmt.Errorf("checking session_gate: token_cache %d bytes is too small; at least 1MiB", a.TokenCache)
	}
	return nil
}

func leaseInRange(lease time.Duration) bool {
	return lease >= 200*time.Millisecond && lease <= 5*time.Minute
}

func (a *App) checkWords() error {
	return errors.Join(
		oneOf("acknowledge", a.Acknowledge, "fleet", "lease", "store"),
		oneOf("on_store_failure", a.OnStoreFailure, "deny", "allow"),
		oneOf("bootstrap", a.Bootstrap, "auto", "manual", "relogin"),
		oneOf("readiness", a.Readiness, "lenient", "strict"),
	)
}

// oneOf refuses a word that is not among those that mean something, so that a
// typo never disables what the operator meant.
func oneOf(field, value string, words ...string) error {
	if slices.Contains(words, value) {
		return nil
	}
	return fmt.Errorf("checking session_gate: %s %q is unknown; use one of: %s", field, value, strings.Join(words, ", "))
}
