package replica_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// receipt revokes a session at a gate and returns the receipt.
func receipt(t *testing.T, r *replica.Replica, name string) replica.Receipt {
	t.Helper()
	revoked, token := revocation(name)
	got, err := r.RevokeWithReceipt(t.Context(), revoked)
	if err != nil {
		t.Fatalf("RevokeWithReceipt: %v", err)
	}
	wantVerdict(t, r, token, replica.BySession)
	return got
}

// outcomes returns the outcomes of a receipt by gate. The gates must be different, in
// order, and not include the receipt's own gate.
func outcomes(t *testing.T, got replica.Receipt) map[store.GateID]replica.GateReceipt {
	t.Helper()
	by := make(map[store.GateID]replica.GateReceipt)
	var before store.GateID
	for _, g := range got.Gates {
		if g.Gate <= before || g.Gate == got.Gate {
			t.Errorf("the receipt of %v names %v after %v", got.Gate, g.Gate, before)
		}
		before, by[g.Gate] = g.Gate, g
	}
	return by
}

func TestTheReceiptNamesEveryGateAndWhenItHadTheEntry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 3, replica.Options{})
		ids := make(map[store.GateID]bool)
		for i, g := range gates {
			got := receipt(t, g.Replica, string(rune('a'+i)))
			ids[got.Gate] = true
			if got.Position.Seq != uint64(i+1) || got.Position.Generation == 0 || got.Lease != 0 || got.Unsettled || got.StoreOnly {
				t.Errorf("the receipt is %+v", got)
			}
			if got.Appended < 0 || got.Appended > got.Took {
				t.Errorf("the entry was on the log after %v, and the whole call took %v", got.Appended, got.Took)
			}
			if by := outcomes(t, got); len(by) != 2 {
				t.Errorf("the receipt names %d other gates, want 2", len(by))
			}
			for _, one := range got.Gates {
				if one.Outcome != replica.Applied || one.After > got.Took || one.After > 50*time.Millisecond {
					t.Errorf("a gate has outcome %v after %v, but the whole call took %v", one.Outcome, one.After, got.Took)
				}
			}
		}
		if len(ids) != 3 {
			t.Errorf("three gates have the ids %v", ids)
		}
	})
}

// Fault: a gate is frozen. The receipt must not say that this gate has the revocation. The
// answer is true because the gate's lease has expired.
func TestTheReceiptTellsThatALeaseHadToPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 3, replica.Options{})
		frozen := receipt(t, gates[2].Replica, "its name").Gate
		gates[2].wire.hold("")
		got := receipt(t, gates[0].Replica, "s")
		by := outcomes(t, got)
		if len(by) != 2 || by[frozen].Outcome != replica.Fenced || by[frozen].After < lease-lease/4 || by[frozen].After > got.Took {
			t.Errorf("the receipt is %+v, want %v fenced", got, frozen)
		}
		for id, one := range by {
			if id != frozen && (one.Outcome != replica.Applied || one.After > 50*time.Millisecond) {
				t.Errorf("a healthy gate has outcome %v after %v", one.Outcome, one.After)
			}
		}
		time.Sleep(lease / 2) // another gate's heartbeat takes it off the list
		again := receipt(t, gates[0].Replica, "next")
		late := again.Took > lease/3 || len(again.Gates) > 2
		for id, one := range outcomes(t, again) {
			late = late || id == frozen && (one.Outcome == replica.Applied)
		}
		if late {
			t.Errorf("the next receipt is %+v, want no long wait for a removed gate", again)
		}
	})
}

// The same if most of the lease has passed already, and the gate is taken off the list
// before the entry's own deadline. It must not count as a gate that left in order.
func TestTheReceiptTellsAFrozenGateFromOneThatLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 2, replica.Options{})
		gates[1].wire.hold("")
		time.Sleep(lease * 3 / 4)
		got := receipt(t, gates[0].Replica, "s")
		if len(got.Gates) != 1 || got.Gates[0].Outcome != replica.Fenced || got.Took > lease*7/8 || got.Lease != 0 {
			t.Errorf("the receipt is %+v, want the gate fenced before a whole lease has passed", got)
		}
	})
}

func TestTheReceiptTellsWhichGateLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 2, replica.Options{})
		leaving := receipt(t, gates[1].Replica, "its name").Gate
		release := gates[1].wire.hold("Read")
		time.Sleep(lease) // the current read ends
		done := make(chan replica.Receipt)
		go func() { done <- receipt(t, gates[0].Replica, "s") }()
		time.Sleep(lease / 8)
		release()
		gates[1].wire.hold("Read")
		gates[1].Close()
		got := <-done
		if one := outcomes(t, got)[leaving]; len(got.Gates) != 1 || one.Outcome == replica.NotWaitedFor || one.Outcome == replica.Fenced {
			t.Errorf("the receipt is %+v, want that %v left or applied the entry", got, leaving)
		}
	})
}

// Rule R5: before the revocation log is settled, the list of gates is incomplete and
// cannot shorten the wait.
func TestTheReceiptTellsThatTheLogWasYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := model.NewServer(1, 100)
		gates := fleet(t, server, 2, replica.Options{})
		server.Flush()
		time.Sleep(lease / 2)
		got := receipt(t, gates[0].Replica, "s")
		if !got.Unsettled || len(got.Gates) != 1 || got.Gates[0].Outcome != replica.Applied || got.Gates[0].After > lease/4 || got.Took < lease/4 {
			t.Errorf("the receipt is %+v, want an unsettled log", got)
		}
	})
}

func TestTheReceiptOfAStoreAloneSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 2, replica.Options{Acknowledge: replica.AcknowledgeStore})
		gates[1].wire.hold("")
		got := receipt(t, gates[0].Replica, "s")
		if !got.StoreOnly || len(got.Gates) != 1 || got.Gates[0].Outcome != replica.NotWaitedFor || got.Took > time.Second {
			t.Errorf("the receipt is %+v", got)
		}
		local := memstore.New(nil)
		t.Cleanup(func() { _ = local.Close() })
		alone := start(t, local, replica.Options{})
		<-alone.Synced()
		if got := receipt(t, alone, "s"); got.Gate != 0 || got.Gates != nil || got.Position.Seq != 1 || got.StoreOnly || got.Unsettled {
			t.Errorf("the receipt of a local store is %+v", got)
		}
	})
}

// Revocations that share an entry have separate receipts. Calls without a receipt do not
// affect the others.
func TestRevocationsThatShareAnEntryHaveAReceiptEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gates := fleet(t, model.NewServer(1, 100), 2, replica.Options{})
		release := gates[0].wire.hold("Publish")
		done := make(chan replica.Receipt, 8)
		for i := range 8 {
			go func() {
				revoked, _ := revocation(string(rune('a' + i)))
				if i%2 == 0 {
					done <- receipt(t, gates[0].Replica, string(rune('a'+i)))
					return
				}
				if err := gates[0].Revoke(t.Context(), revoked); err != nil {
					t.Errorf("Revoke: %v", err)
				}
			}()
		}
		synctest.Wait()
		release()
		for range 4 {
			if got := <-done; len(got.Gates) != 1 || got.Gates[0].Outcome != replica.Applied {
				t.Errorf("the receipt is %+v", got)
			}
		}
		synctest.Wait()
	})
}

func TestAnUnknownOutcomeHasNoReceipt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faulty{Fleet: shared()}
		r := start(t, f, replica.Options{Lease: lease})
		<-r.Synced()
		f.fail(errAway)
		revoked, token := revocation("s")
		got, err := r.RevokeWithReceipt(t.Context(), revoked)
		if !errors.Is(err, errAway) || got.Position.Seq != 0 || got.Gates != nil || got.Took != 0 {
			t.Errorf("the receipt is %+v, error %v", got, err)
		}
		if verdict := r.Look(token); verdict != replica.BySession {
			t.Errorf("the verdict is %v", verdict)
		}
	})
}
