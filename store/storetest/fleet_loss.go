package storetest

import (
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// settle gives the place a settled log of five entries, two live gates, a lease
// and a retention, and returns its head.
func settle(t *testing.T, f store.Fleet) store.Head {
	t.Helper()
	openLog(t, f)
	var head store.Head
	for i := range 5 {
		head = publish(t, f, strconv.Itoa(i))
	}
	for gate := range store.GateID(2) {
		send(t, f, store.Heartbeat{
			Gate: gate + 1, Applied: head.Position, Settled: true, Lease: lease, Retention: time.Hour,
		})
	}
	head = look(t, f)
	if head.State != store.StateSettled || len(head.Gates) != 2 {
		t.Fatalf("the log is not settled: %+v", head)
	}
	return head
}

// wantNewGeneration checks the head after a loss: another generation, in repair, with an
// empty list.
func wantNewGeneration(t *testing.T, f store.Fleet, before store.Head) store.Head {
	t.Helper()
	head := back(t, f)
	if head.Generation == before.Generation || head.Generation == 0 {
		t.Fatalf("no generation began: %+v after %+v", head, before)
	}
	if head.State != store.StateRepair || len(head.Gates) != 0 || head.Turn != (store.Turn{}) {
		t.Errorf("the new generation has the head %+v", head)
	}
	if _, err := f.Read(t.Context(), before.Position, 0); !errors.Is(err, store.ErrGeneration) {
		t.Errorf("reading from a position of the previous generation gave %v, want ErrGeneration", err)
	}
	if again := look(t, f); !equal(again, head) {
		t.Errorf("the next Look returned %+v after %+v", again, head)
	}
	return head
}

// wantLeft checks the entries that are left, by number, and appends one more.
func wantLeft(t *testing.T, f store.Fleet, head store.Head, seqs ...uint64) {
	t.Helper()
	entries, batch := readLeft(t, f)
	if batch.Head != head.Position || batch.Born != head.Seq {
		t.Errorf("the log reads up to %v, born %d; the head is %v", batch.Head, batch.Born, head.Position)
	}
	if next := publish(t, f, "next"); next.Seq != head.Seq+1 || next.Generation != head.Generation {
		t.Errorf("after %v, an entry was published at %v", head.Position, next.Position)
	}
	entriesAfter, _ := readLeft(t, f)
	if len(entries) != len(seqs) || len(entriesAfter) != len(seqs)+1 {
		t.Fatalf("%d entries are left, and %d after one more; want %d", len(entries), len(entriesAfter), len(seqs))
	}
	for i, seq := range seqs {
		if entries[i].Position.Seq != seq {
			t.Errorf("entry %d is number %d, want %d", i, entries[i].Position.Seq, seq)
		}
	}
}

// Fault: everything in the store is deleted.
func afterFlush(t *testing.T, place FleetPlace) {
	f := join(t, place)
	before := settle(t, f)
	place.Flush()
	head := wantNewGeneration(t, f, before)
	if head.Seq != 0 || head.Lease != 0 || head.Retention != 0 {
		t.Errorf("a flushed place has the head %+v", head)
	}
	wantLeft(t, f, head)
}

// Rule R6: another process may have lost what the one before it acknowledged,
// without any sign of it in the keys.
func afterRestart(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	before := settle(t, f)
	place.Restart()
	head := wantNewGeneration(t, f, before)
	if head.Seq != before.Seq || head.Lease != before.Lease || head.Retention != before.Retention {
		t.Errorf("after a restart the head is %+v, before it was %+v", head, before)
	}
	if seen := look(t, other); !equal(seen, head) {
		t.Errorf("another client sees %+v, want %+v", seen, head)
	}
	wantLeft(t, f, head, 1, 2, 3, 4, 5)
}

func afterLostLog(t *testing.T, place FleetPlace) {
	f := join(t, place)
	before := settle(t, f)
	place.LoseLog()
	head := wantNewGeneration(t, f, before)
	if head.Seq != before.Seq || head.Lease != before.Lease {
		t.Errorf("after the log was lost the head is %+v, before it was %+v", head, before)
	}
	wantLeft(t, f, head)
}

func afterLostHead(t *testing.T, place FleetPlace) {
	f := join(t, place)
	before := settle(t, f)
	place.LoseHead()
	head := wantNewGeneration(t, f, before)
	if head.Seq != before.Seq || head.Lease != 0 {
		t.Errorf("after the head was lost it is %+v, before it was %+v", head, before)
	}
	wantLeft(t, f, head, 1, 2, 3, 4, 5)
}

// Rule R8: one entry is missing, and there is no other sign.
func afterLostEntry(t *testing.T, place FleetPlace) {
	tests := map[uint64][]uint64{1: {2, 3, 4, 5}, 3: {1, 2, 4, 5}, 5: {1, 2, 3, 4}}
	f := join(t, place)
	for lost, left := range tests {
		place.Flush()
		before := settle(t, f)
		place.LoseEntry(lost)
		head := wantNewGeneration(t, f, before)
		if head.Seq != before.Seq {
			t.Errorf("after entry %d was lost the head is %+v, before it was %+v", lost, head, before)
		}
		wantLeft(t, f, head, left...)
	}
}

// Rule R2: if an old count came again, a live gate would be removed from the list.
func countsOn(t *testing.T, place FleetPlace) {
	f := join(t, place)
	settle(t, f)
	for name, lose := range map[string]func(){"a restart": place.Restart, "a lost log": place.LoseLog} {
		last := beat(t, f, 1, look(t, f).Position).Count
		lose()
		if count := beat(t, f, 1, back(t, f).Position).Count; count <= last {
			t.Errorf("after %s the count is %d, before it was %d", name, count, last)
		}
	}
}

// A generation begins once, however many gates find out at the same time.
func beginsOnce(t *testing.T, place FleetPlace) {
	const clients = 8
	before := settle(t, join(t, place))
	place.LoseEntry(2)
	var group sync.WaitGroup
	heads := make([]store.Head, clients)
	for i := range clients {
		f := join(t, place)
		group.Go(func() {
			var err error
			if heads[i], err = f.Look(t.Context()); err != nil {
				t.Errorf("Look: %v", err)
			}
		})
	}
	group.Wait()
	for _, head := range heads {
		if !equal(head, heads[0]) || head.Generation == before.Generation {
			t.Errorf("clients see %+v and %+v, before it was %+v", heads[0], head, before)
		}
	}
}
