package chaos

import "testing"

// Fault: everything in Redis is deleted, and every gate starts again. No gate knows what
// was revoked. With `bootstrap manual` nothing is admitted until the operator allows it,
// here by a configuration with `bootstrap auto`.
func TestNoGateKnowsTheRevocations(t *testing.T) {
	t.Parallel()
	f := StartFleet(t, 2)
	load := func(bootstrap string) {
		for gate, g := range f.Gates {
			config := g.Config
			config.App += "\nbootstrap " + bootstrap
			if err := g.Load(t, config); err != nil {
				t.Fatalf("loading at gate %d: %v", gate, err)
			}
		}
	}
	load("manual")
	endSome(t, f)
	f.Redis.Do("FLUSHALL")
	for _, g := range f.Gates {
		g.Kill()
	}
	for _, g := range f.Gates {
		g.Restart()
	}
	live := f.NewSession()
	repeat(4*Lease, func() bool {
		for gate := range f.Gates {
			if got := f.Request(gate, live).Status; got != unavailable {
				t.Errorf("gate %d answered %d", gate, got)
			}
		}
		return t.Failed()
	})
	notConfirmed(t, f, 0, f.NewSession())
	f.Check(t)
	// Not promised: entries that the store lost and that no gate merging
	// within two leases holds, the whole fleet restarted. Those sessions are lost.
	load("auto")
	f.Recovers(t, unwitnessed)
}
