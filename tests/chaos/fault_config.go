package chaos

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// The possible configurations of the gates of one fleet. No lease is longer than Lease, on
// which the limits of the tests are based. No retention is shorter than the lifetime of
// tokens.
var (
	leases      = []time.Duration{Lease, Lease * 4 / 5, Lease * 3 / 5}
	retentions  = []time.Duration{lifetime, lifetime + 4*time.Hour, lifetime + 24*time.Hour}
	leeways     = []time.Duration{30 * time.Second, 31 * time.Second, time.Minute}
	acknowledge = []string{"fleet", "fleet", "fleet", "lease", "store"}
)

// byStore makes a gate promise nothing: its 200 waits for no other gate.
const byStore = "acknowledge store"

// mixed draws a gate's configuration by a number from 0 to 1. In a fleet with a longer
// lease, the lease is shorter by the same share.
func mixed(size float64, fleet time.Duration) string {
	n := int(size * float64(len(leases)*len(retentions)*len(leeways)*len(acknowledge)))
	return fmt.Sprintf("max_token_lifetime %v\nlease %v\nretention %v\nleeway %v\nacknowledge %s", lifetime,
		draw(&n, leases)*fleet/Lease, draw(&n, retentions), draw(&n, leeways), draw(&n, acknowledge))
}

// draw chooses one of the values by a number, and removes the choice from the number.
func draw[T any](n *int, from []T) T {
	value := from[*n%len(from)]
	*n /= len(from)
	return value
}

// reconfigure gives the gate another configuration, which the other gates may not have, if
// its fleet is mixed.
func reconfigure(tb testing.TB, f *Fleet, gate int, size float64) {
	g := f.Gates[gate]
	if !f.mixed {
		reload(tb, f, gate, size)
		return
	}
	config := g.Config
	config.App = mixed(size, f.lease)
	g.promises(config.App, func() {
		if err := g.Load(tb, config); err != nil {
			tb.Errorf("loading %q at gate %d: %v", config.App, gate, err)
		}
	})
	g.Config = config
}

// promises loads a configuration, and records whether the gate's 200 is a promise. It
// becomes one only after the new configuration is in force. It stops being one before a
// configuration that promises nothing may be in force.
func (g *Gate) promises(app string, load func()) {
	loose := strings.Contains(app, byStore)
	if loose {
		g.loose.Store(true)
	}
	load()
	g.loose.Store(loose)
}

// lease makes an operator change the lease of the fleet at a gate. The gate may be cut off,
// and report that.
func lease(tb testing.TB, f *Fleet, gate int, size float64) {
	n := int(size * float64(len(leases)))
	to := draw(&n, leases) * f.lease / Lease
	answer := f.Gates[gate].Admin(tb, http.MethodPost, "/session_gate/lease", harness.JSON(`{"lease": "`+to.String()+`"}`))
	if answer.Status != http.StatusOK {
		tb.Logf("gate %d did not change the lease: %d %s", gate, answer.Status, strings.TrimSpace(answer.Body))
	}
}
