package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

func beginsInRepair(t *testing.T, place FleetPlace) {
	head := look(t, join(t, place))
	if head.Generation == 0 || head.Seq != 0 || head.State != store.StateRepair ||
		len(head.Gates) != 0 || head.Turn != (store.Turn{}) || head.Lease != 0 || head.Count != 0 {
		t.Errorf("an empty place has the head %+v", head)
	}
}

func looksOnly(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	beat(t, f, 1, look(t, f).Position)
	publish(t, f, "a")
	if first, second := look(t, f), look(t, other); !equal(first, second) {
		t.Errorf("two calls of Look returned %+v and %+v", first, second)
	}
}

// equal compares two heads, with the gates in any order.
func equal(a, b store.Head) bool {
	gatesA, gatesB := sorted(a.Gates), sorted(b.Gates)
	a.Gates, b.Gates = nil, nil
	return slices.Equal(gatesA, gatesB) && a.Position == b.Position && a.State == b.State && a.Turn == b.Turn &&
		a.Lease == b.Lease && a.Longest == b.Longest && a.Retention == b.Retention && a.Bounds == b.Bounds && a.Count == b.Count &&
		a.Live == b.Live && a.Unlisted == b.Unlisted && a.Format == b.Format
}

func sorted(gates []store.Gate) []store.Gate {
	return slices.SortedFunc(slices.Values(gates), func(a, b store.Gate) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
}

func recordsHeartbeat(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	position := publish(t, f, "a", "b").Position
	answer := beat(t, f, 1<<63+1, position)
	if answer.Position != position || answer.Count == 0 || answer.State != store.StateRepair || answer.Lease != lease {
		t.Errorf("the heartbeat was answered with %+v", answer)
	}
	if len(answer.Gates) != 0 || len(answer.Gone) != 0 || answer.Live != 1 || answer.Unlisted || answer.Turn != (store.Turn{}) {
		t.Errorf("the answer to the first heartbeat names gates or a turn: %+v", answer)
	}
	want := []store.Gate{{ID: 1<<63 + 1, Applied: position.Seq}}
	if got := look(t, other).Gates; !slices.Equal(got, want) {
		t.Errorf("live are %+v, want %+v", got, want)
	}
}

// Attack on rule R3: a gate that has read nothing yet is listed as one that has. A
// revocation would wait for it for nothing, or not at all.
func answersNewcomer(t *testing.T, place FleetPlace) {
	f := join(t, place)
	position := publish(t, f, "a").Position
	answer := beat(t, f, 1, store.Position{})
	if answer.Position != position || answer.Count != 0 {
		t.Errorf("a gate that has read nothing was answered %+v", answer)
	}
	if gates := look(t, f).Gates; len(gates) != 0 {
		t.Errorf("a gate that has read nothing is listed: %+v", gates)
	}
}

// Rule R3: entries that a gate applied in another generation of the log are not on this
// one. If it were listed, it would acknowledge entries that it never read.
func answersStranger(t *testing.T, place FleetPlace) {
	f := join(t, place)
	position := publish(t, f, "a").Position
	beat(t, f, 1, position)
	before := look(t, f)
	stranger := position
	stranger.Generation ^= 2
	for _, gate := range []store.GateID{1, 2} {
		if answer := beat(t, f, gate, stranger); answer.Position != position || answer.Count != 0 {
			t.Errorf("gate %v of another generation was answered %+v", gate, answer)
		}
	}
	if after := look(t, f); !equal(before, after) {
		t.Errorf("a heartbeat of another generation changed %+v into %+v", before, after)
	}
}

// Rule R2: if a count came twice, one gate would be removed from the list for its
// silence in another generation.
func countsUp(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	position := look(t, f).Position
	var last uint64
	for i := range 6 {
		client := []store.Fleet{f, other}[i%2]
		count := beat(t, client, store.GateID(1+i%3), position).Count
		if count <= last {
			t.Fatalf("count %d came after %d", count, last)
		}
		last = count
	}
	if gates := look(t, f).Gates; len(gates) != 3 {
		t.Errorf("three gates sent two heartbeats each, listed are %+v", gates)
	}
}

// Rule R12: two gates with two leases would wait for one another by different
// rules.
func keepsLease(t *testing.T, place FleetPlace) {
	f := join(t, place)
	position := look(t, f).Position
	send(t, f, store.Heartbeat{Gate: 1, Applied: position, Lease: 1500 * time.Millisecond})
	answer := send(t, f, store.Heartbeat{Gate: 2, Applied: position, Lease: time.Minute})
	if answer.Lease != 1500*time.Millisecond || look(t, f).Lease != answer.Lease {
		t.Errorf("the lease is %v, want that of the first heartbeat", answer.Lease)
	}
}

// Rule R5: a log is settled once a gate says that no earlier lease is left.
func settlesOpen(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	head := openLog(t, f)
	if answer := beat(t, f, 1, head.Position); answer.State != store.StateOpen {
		t.Fatalf("after a heartbeat without Settled, the log is %v", answer.State)
	}
	answer := send(t, f, store.Heartbeat{Gate: 1, Applied: head.Position, Settled: true, Lease: lease})
	if answer.State != store.StateSettled || look(t, other).State != store.StateSettled {
		t.Errorf("after a settled heartbeat, the log is %v", answer.State)
	}
	if answer := beat(t, other, 2, head.Position); answer.State != store.StateSettled {
		t.Errorf("a heartbeat of another gate made the log %v", answer.State)
	}
}

// Attack on rule R5: a gate starts and replaces a lost head with a shorter lease.
// It calls the log settled just when another gate has named the longer one.
func settlesByTheLongestLease(t *testing.T, place FleetPlace) {
	f := join(t, place)
	position := look(t, f).Position
	send(t, f, store.Heartbeat{Gate: 1, Applied: position, Lease: lease})
	send(t, f, store.Heartbeat{Gate: 2, Applied: position, Lease: time.Minute, Longest: time.Minute})
	openLog(t, f)
	settled := store.Heartbeat{Gate: 1, Applied: position, Settled: true, Lease: lease}
	if answer := send(t, f, settled); answer.State != store.StateOpen {
		t.Errorf("a gate that knows a shorter lease made the log %v", answer.State)
	}
	settled.Waited = time.Minute
	if answer := send(t, f, settled); answer.State != store.StateSettled {
		t.Errorf("a gate that waited for the longest lease made the log %v", answer.State)
	}
}

// Attack on rule R5: a log is settled too early and answers 200, while an unlisted
// gate of the previous generation admits by its old lease.
func settlesNothingElse(t *testing.T, place FleetPlace) {
	f := join(t, place)
	position := look(t, f).Position
	settled := store.Heartbeat{Gate: 1, Applied: position, Settled: true, Lease: lease}
	if answer := send(t, f, settled); answer.State != store.StateRepair {
		t.Errorf("a log in repair became %v", answer.State)
	}
	openLog(t, f)
	for name, applied := range map[string]store.Position{
		"no generation":      {},
		"another generation": {Generation: position.Generation ^ 2},
	} {
		settled.Applied = applied
		if answer := send(t, f, settled); answer.State != store.StateOpen {
			t.Errorf("a heartbeat of %s made the log %v", name, answer.State)
		}
	}
}
