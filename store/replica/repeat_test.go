package replica_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Attack: log out again before the revocation is forgotten, with a token that the issuer
// made since, and use that token afterwards. An answered repeat has prolonged the
// revocation at every gate and on the revocation log.
func TestARepeatProlongsTheRevocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{})
		revoked, _ := revocation("s")
		revoked.Expires = time.Now().Add(time.Hour).Unix()
		mustRevoke(t, gates[0].Replica, revoked)
		time.Sleep(30 * time.Minute)
		revoked.Expires = time.Now().Add(time.Hour).Unix()
		if !gates[1].Published(revoked.Key) {
			t.Error("a revocation read from the log does not count as published")
		}
		mustRevoke(t, gates[1].Replica, revoked)
		if !onLog(server, revoked) {
			t.Errorf("the log holds %v, want the later expiry", server.Log())
		}
		time.Sleep(45 * time.Minute)
		for _, g := range gates {
			_, token := revocation("s")
			wantVerdict(t, g.Replica, token, replica.BySession)
		}
		time.Sleep(17 * time.Minute)
		for _, g := range gates {
			_, token := revocation("s")
			wantVerdict(t, g.Replica, token, replica.Clear)
		}
	})
}

// Attack: log out at one gate, repeat the call at a second gate that has read the
// revocation, and use the token at a third that has not. The repeat is answered only when
// the third gate refuses the token, by its set or because its lease has expired.
func TestARepeatWaitsForEveryGate(t *testing.T) {
	for name, hears := range map[string]bool{"that hears of it later": true, "that is cut off": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				gates := fleet(t, model.NewServer(1, 100), 3, replica.Options{})
				revoked, _ := revocation("s")
				release := gates[2].wire.hold("Read")
				time.Sleep(lease) // the current read ends
				go func() { _ = gates[0].Revoke(t.Context(), revoked) }()
				synctest.Wait()
				if !gates[1].Published(revoked.Key) {
					t.Fatal("the second gate does not hold the revocation")
				}
				done := make(chan error, 1)
				go func() { done <- gates[1].Revoke(t.Context(), revoked) }()
				time.Sleep(lease / 8)
				_, token := revocation("s")
				if verdict := gates[2].Check(token, replica.At(time.Now())); verdict != replica.Clear {
					t.Fatalf("the third gate answers %v, want that it admits", verdict)
				}
				select {
				case err := <-done:
					t.Fatalf("answered (%v) while a gate admits", err)
				default:
				}
				if hears {
					release()
				}
				if err := <-done; err != nil {
					t.Fatalf("Revoke: %v", err)
				}
				if verdict := gates[2].Check(token, replica.At(time.Now())); verdict == replica.Clear {
					t.Error("answered while a gate admits")
				}
			})
		})
	}
}

// Attack: fill the revocation log by logging out again and again, at every gate. A repeat
// that does not move the expiry adds no entry and costs one look. It does not wait for
// healthy gates.
func TestRepeatsFillNoLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 3, replica.Options{})
		revoked, _ := revocation("s")
		mustRevoke(t, gates[0].Replica, revoked)
		synctest.Wait() // until every gate has reported the entry as applied
		sooner := revoked
		sooner.Expires -= 100
		for i := range 1000 {
			repeated := []store.Revocation{revoked, sooner}[i%2]
			g := gates[i%len(gates)]
			looks := g.wire.count("Look")
			if d, err := took(t, g, repeated); err != nil || d != 0 {
				t.Fatalf("repeat %d took %v (%v), want one look", i, d, err)
			}
			if n := g.wire.count("Look") - looks; n != 1 {
				t.Fatalf("repeat %d called Look %d times, want once", i, n)
			}
		}
		if log := server.Log(); len(log) != 1 {
			t.Errorf("1,000 repeats added up to %d entries, want only the first", len(log))
		}
	})
}

// A repeat publishes the revocations that are missing from the revocation log or expire
// too early there. Other revocations of the call that are on it do not prevent that.
func TestARepeatPutsOnTheLogWhatItLacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{})
		first, _ := revocation("first")
		first.Expires -= 100
		mustRevoke(t, gates[0].Replica, first)
		later, second := first, first
		later.Expires += 100
		second.Key[0]++
		for _, more := range [][]store.Revocation{{first, second}, {second, later}} {
			mustRevoke(t, gates[1].Replica, more...)
			for _, r := range more {
				if !onLog(server, r) {
					t.Errorf("%v is not on the log until %d", r.Key, r.Expires)
				}
			}
		}
		log := server.Log()
		if n := len(log); n != 3 || len(log[1].Revocations) != 1 || len(log[2].Revocations) != 1 {
			t.Errorf("the log is %v, want three entries of one revocation", log)
		}
	})
}

// Attack: log out again while the store does not answer, or after it has lost the
// revocation log. The gate must not confirm what no store entry proves.
func TestARepeatIsNotConfirmedWithoutTheStore(t *testing.T) {
	for name, o := range map[string]replica.Options{
		"acknowledge fleet": {}, "acknowledge store": {Acknowledge: replica.AcknowledgeStore},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := model.NewServer(1, 100)
				gates := fleet(t, server, 2, o)
				revoked, _ := revocation("s")
				mustRevoke(t, gates[0].Replica, revoked)
				release := gates[0].wire.hold("")
				if err := gates[0].Revoke(t.Context(), revoked); err == nil {
					t.Error("confirmed although the store does not answer")
				}
				release()
				time.Sleep(2 * lease)

				// The revocation log is lost while the Look is on its way.
				release = gates[0].wire.hold("Look")
				done := make(chan error, 1)
				go func() { done <- gates[0].Revoke(t.Context(), revoked) }()
				synctest.Wait()
				server.Flush()
				release()
				if err := <-done; err != nil || !onLog(server, revoked) {
					t.Errorf("answered (%v), but the log holds %v", err, server.Log())
				}
			})
		})
	}
}

// Attack: end all sessions of a subject again and again. An instant that others on the
// revocation log imply is not published again. An instant that adds something is.
func TestAnInstantIsPutOnTheLogIfItAddsSomething(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{})
		of := func(notBefore, expires int64, except byte) store.Revocation {
			r := store.Revocation{Kind: store.KindSubject, Key: store.Key{9}, NotBefore: notBefore, Expires: 1<<31 + expires}
			r.Except[0] = except
			return r
		}
		for i, c := range []struct {
			name string
			r    store.Revocation
			adds bool
		}{
			{"the first", of(1000, 0, 1), true},
			{"the same", of(1000, 0, 1), false},
			{"an earlier one", of(900, 0, 1), false},
			{"one that is forgotten sooner", of(1000, -9, 1), false},
			{"one that is kept for longer", of(1000, 9, 1), true},
			{"one with another exception", of(1000, 9, 2), true},
			{"one that those two imply", of(1000, 9, 3), false},
			{"one without an exception, that those two imply", of(1000, 9, 0), false},
			{"a later one", of(1001, 9, 1), true},
			{"one without an exception", of(1001, 9, 0), true},
			{"one with an exception, that it implies", of(1001, 9, 4), false},
		} {
			before := len(server.Log())
			mustRevoke(t, gates[i%2].Replica, c.r)
			synctest.Wait()
			if added := len(server.Log()) - before; (added == 1) != c.adds || added > 1 {
				t.Errorf("%s adds %d entries, want it to add one: %t", c.name, added, c.adds)
			}
		}
	})
}

// On a local store no other gate has to be asked.
func TestARepeatOnALocalStoreAsksNoGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := memstore.New(nil)
		r := start(t, log, replica.Options{})
		<-r.Synced()
		revoked, _ := revocation("s")
		first := receipt(t, r, "s")
		if !r.Published(revoked.Key) {
			t.Error("a logged revocation does not count as published at once")
		}
		if again := receipt(t, r, "s"); again.Position != first.Position {
			t.Errorf("the repeat has position %v, want that of the first, %v", again.Position, first.Position)
		}
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
		mustRevoke(t, r, revoked)
		revoked.Expires++
		if err := r.Revoke(t.Context(), revoked); err == nil {
			t.Error("prolonged although the store is closed")
		}
		if !r.Published(revoked.Key) {
			t.Error("a failed repeat counts as the first revocation")
		}
	})
}

// The receipt of a repeat names the gates at the time of the Look.
func TestTheReceiptOfARepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 3, replica.Options{})
		first := receipt(t, gates[0].Replica, "s")
		synctest.Wait() // until every gate has reported the entry as applied
		again := receipt(t, gates[1].Replica, "s")
		if again.Position != first.Position || again.Gate == first.Gate || again.Lease != 0 || again.Unsettled || again.StoreOnly {
			t.Errorf("the receipt is %+v, that of the first %+v", again, first)
		}
		if by := outcomes(t, again); len(by) != 2 || by[first.Gate].Outcome != replica.Applied {
			t.Errorf("the receipt names %+v, want both other gates with the entry applied", again.Gates)
		}
	})
}
