package caddymodule

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/replica"
)

// If an option does not reach the replica, it silently disables what the operator meant.
func TestTheReplicaGetsTheConfiguration(t *testing.T) {
	const redis = `"store": {"store": "redis", "addresses": ["127.0.0.1:1"]}`
	own := replica.Options{Retention: 24 * time.Hour, Margin: 11 * time.Minute, Leeway: 30 * time.Second, Skew: time.Minute}
	fleet := own
	fleet.Lease = 3 * time.Second
	manual, relogin, byLease, byStore, allow := fleet, fleet, fleet, fleet, fleet
	manual.Manual, relogin.Relogin = true, true
	byLease.Acknowledge, byStore.Acknowledge = replica.AcknowledgeLease, replica.AcknowledgeStore
	allow.Lease, allow.MaxStaleness = time.Second, time.Minute
	for config, want := range map[string]replica.Options{
		redis:                              fleet,
		redis + `, "bootstrap": "auto"`:    fleet,
		redis + `, "bootstrap": "manual"`:  manual,
		redis + `, "bootstrap": "relogin"`: relogin,
		redis + `, "acknowledge": "fleet"`: fleet,
		redis + `, "acknowledge": "lease"`: byLease,
		redis + `, "acknowledge": "store"`: byStore,
		redis + `, "lease": "1s", "on_store_failure": "allow", "max_staleness": "1m"`: allow,
		// A store of this machine has no settings of a fleet.
		`"store": {"store": "memory"}, "bootstrap": "manual", "acknowledge": "store"`: own,
	} {
		app, err := provisioned(t, refusal{app: config})
		if err != nil {
			t.Errorf("%s: %v", config, err)
			continue
		}
		if got := app.replicaOptions(); got != want {
			t.Errorf("%s: the replica gets %+v, want %+v", config, got, want)
		}
		if err := app.Cleanup(); err != nil {
			t.Error(err)
		}
	}
}
