package caddymodule

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store/replica"
)

// If an option does not reach the hub, it silently disables what the operator meant.
func TestTheHubGetsTheConfiguration(t *testing.T) {
	const redis = `"store": {"store": "redis", "addresses": ["127.0.0.1:1"]}`
	own := hub.Settings{
		Options:     replica.Options{Retention: 30 * 24 * time.Hour, Margin: 11 * time.Minute, Leeway: 30 * time.Second, Skew: time.Minute},
		SessionLife: 24*time.Hour + time.Minute,
	}
	fleet := own
	fleet.Lease = 3 * time.Second
	manual, relogin, byLease, byStore, allow, times := fleet, fleet, fleet, fleet, fleet, fleet
	manual.Manual, relogin.Relogin = true, true
	byLease.Acknowledge, byStore.Acknowledge = replica.AcknowledgeLease, replica.AcknowledgeStore
	allow.Lease, allow.MaxStaleness = time.Second, time.Minute
	times.Retention, times.Leeway, times.SessionLife = 48*time.Hour, 0, time.Hour
	for config, want := range map[string]hub.Settings{
		redis:                              fleet,
		redis + `, "bootstrap": "auto"`:    fleet,
		redis + `, "bootstrap": "manual"`:  manual,
		redis + `, "bootstrap": "relogin"`: relogin,
		redis + `, "acknowledge": "fleet"`: fleet,
		redis + `, "acknowledge": "lease"`: byLease,
		redis + `, "acknowledge": "store"`: byStore,
		redis + `, "lease": "1s", "on_store_failure": "allow", "max_staleness": "1m"`: allow,
		redis + `, "retention": "48h", "max_token_lifetime": "1h", "leeway": "0s"`:    times,
		// A store of this machine has no settings of a fleet.
		`"store": {"store": "memory"}, "bootstrap": "manual", "acknowledge": "store"`: own,
	} {
		app, err := provisioned(t, refusal{app: config})
		if err != nil {
			t.Errorf("%s: %v", config, err)
			continue
		}
		if got := app.hubSettings(); got != want {
			t.Errorf("%s: the hub gets %+v, want %+v", config, got, want)
		}
		if err := app.Cleanup(); err != nil {
			t.Error(err)
		}
	}
}
