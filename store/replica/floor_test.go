// Built without the race detector only: hours of simulated time are more events than it
// can count, and then it ends the process.

//go:build !race

package replica_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// The floor is raised only if revocations are known to be lost. Each case is an event in a
// fleet of three gates, and whether every client has to log in again.
func TestTheFloorIsRaisedForALossAndNothingElse(t *testing.T) {
	type world struct {
		server *model.Server
		gates  []gate
	}
	away := func(w world, during func()) { // the store, for longer than a lease
		var release []func()
		for _, g := range w.gates {
			release = append(release, g.wire.hold(""))
		}
		time.Sleep(2 * lease)
		during()
		for _, r := range release {
			r()
		}
	}
	for name, test := range map[string]struct {
		happens func(t *testing.T, w world)
		options replica.Options
		raised  bool
	}{
		"a first start":                 {func(*testing.T, world) {}, replica.Options{}, false},
		"a restart of the store":        {func(_ *testing.T, w world) { away(w, w.server.Restart) }, replica.Options{}, false},
		"a flush that witnesses repair": {func(_ *testing.T, w world) { w.server.Flush() }, replica.Options{}, false},
		"an empty store, and every gate merges": {func(_ *testing.T, w world) {
			away(w, w.server.RestartEmpty)
		}, replica.Options{}, false},
		"an empty store, and one gate is missing": {func(_ *testing.T, w world) {
			away(w, w.server.RestartEmpty)
			w.gates[2].wire.hold("")
		}, replica.Options{}, true},
		"an old dump": {func(t *testing.T, w world) {
			dump := w.server.Dump()
			revoked, _ := revocation("since")
			mustRevoke(t, w.gates[0].Replica, revoked)
			away(w, func() { w.server.Restore(dump) })
			w.gates[2].wire.hold("")
		}, replica.Options{}, true},
		"a restart, and one gate is missing": {func(_ *testing.T, w world) {
			away(w, w.server.Restart)
			w.gates[2].wire.hold("")
		}, replica.Options{}, false},
		"a logout is repeated in vain after a restart, and one gate is missing": {func(t *testing.T, w world) {
			revoked, _ := revocation("prolonged")
			mustRevoke(t, w.gates[0].Replica, revoked)
			// The gate learns of the new generation, but reads none of it.
			read, publish := w.gates[0].wire.hold("Read"), w.gates[0].wire.hold("Publish")
			away(w, w.server.Restart)
			w.gates[2].wire.hold("")
			time.Sleep(lease / 4)
			ctx, cancel := context.WithTimeout(t.Context(), lease/4)
			defer cancel()
			revoked.Expires += 3600
			if err := w.gates[0].Revoke(ctx, revoked); err == nil {
				t.Error("revoked although the store received nothing")
			}
			read()
			publish()
		}, replica.Options{}, false},
		"all gates stop, and others start": {func(t *testing.T, w world) {
			for _, g := range w.gates {
				g.Close()
			}
			w.server.Restart()
		}, replica.Options{}, false},
		"a rolling restart": {func(t *testing.T, w world) {
			for _, g := range w.gates {
				<-start(t, w.server.Connect(nil), replica.Options{Lease: lease}).Synced()
				g.Close()
			}
		}, replica.Options{}, false},
		"a gate that is back after hours": {func(t *testing.T, w world) {
			release := w.gates[2].wire.hold("")
			time.Sleep(4 * time.Hour)
			release()
		}, replica.Options{}, false},
		"relogin without a witness": {func(_ *testing.T, w world) {
			away(w, w.server.Restart)
		}, replica.Options{Relogin: true}, true},
		"relogin with a witness": {func(_ *testing.T, w world) { w.server.Restart() }, replica.Options{Relogin: true}, true}, // its first start
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := model.NewServer(1, 100)
				options := test.options
				options.Leeway = 30 * time.Second
				gates := fleet(t, server, 3, options)
				mustRevoke(t, gates[0].Replica, everyKind()...)
				_, before := revocation("from before")
				before.IssuedAt = time.Now().Unix()
				time.Sleep(time.Minute)
				test.happens(t, world{server, gates})
				lost := time.Now()
				time.Sleep(time.Minute)
				fresh := start(t, server.Connect(nil), replica.Options{Lease: lease})
				<-fresh.Synced()
				floor := fresh.Status().Bounds.Floor
				if (floor != 0) != test.raised {
					t.Fatalf("the floor is %d, want a floor: %t", floor, test.raised)
				}
				if !test.raised {
					wantVerdict(t, fresh, before, replica.Clear)
					return
				}
				if floor > lost.Add(options.Leeway).Unix() {
					t.Errorf("the floor is %v after the loss", time.Unix(floor, 0).Sub(lost))
				}
				_, token := revocation("of its second")
				token.IssuedAt = floor
				wantVerdict(t, fresh, token, replica.ByFloor)
				if !fresh.Revoked(token) {
					t.Error("a running request with that token is not revoked")
				}
				token.IssuedAt++
				wantVerdict(t, fresh, token, replica.Clear)
				wantVerdict(t, gates[0].Replica, token, replica.Clear)
				token.IssuedAt--
				wantVerdict(t, gates[0].Replica, token, replica.ByFloor)
			})
		})
	}
}

// Attack: after the floor was raised, the store loses its data again, including the floor.
func TestTheFloorOutlivesTheHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 1, replica.Options{Relogin: true})
		floor := gates[0].Status().Bounds.Floor
		server.Flush()
		time.Sleep(lease)
		fresh := start(t, server.Connect(nil), replica.Options{Lease: lease})
		<-fresh.Synced()
		if got := fresh.Status().Bounds.Floor; floor == 0 || got != floor {
			t.Errorf("the floor is %d after the loss, want %d", got, floor)
		}
	})
}

// Gates with `acknowledge lease` are unlisted, so no gate knows whether all of them are
// back. A known loss then requires a new login.
func TestTheFloorIsRaisedWhereGatesAreOnNoList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := make([]gate, 2)
		for i := range gates {
			gates[i].wire = new(wire)
			gates[i].Replica = start(t, server.Connect(gates[i].wire.link), replica.Options{Lease: lease, Acknowledge: replica.AcknowledgeLease})
		}
		for _, g := range gates {
			<-g.Synced()
		}
		time.Sleep(2 * lease)
		mustRevoke(t, gates[0].Replica, everyKind()...)
		var release []func()
		for _, g := range gates {
			release = append(release, g.wire.hold(""))
		}
		time.Sleep(2 * lease)
		server.RestartEmpty()
		release[0]()
		time.Sleep(time.Minute)
		if floor := gates[0].Status().Bounds.Floor; floor == 0 {
			t.Error("there is no floor although a gate is missing")
		}
	})
}
