package storetest

import (
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// step is a Merge that keeps the turn.
func step(gate store.GateID, generation store.Generation) store.Merge {
	return store.Merge{Gate: gate, Generation: generation}
}

// wantTurn takes a step of a merge and checks which gate has the turn then.
func wantTurn(t *testing.T, f store.Fleet, m store.Merge, done bool, holder store.GateID) store.Turn {
	t.Helper()
	head, got := merge(t, f, m)
	if got != done || head.Turn.Gate != holder {
		t.Errorf("merge %+v: done %v, turn %+v; want %v and gate %v", m, got, head.Turn, done, holder)
	}
	if seen := look(t, f); seen.Turn != head.Turn || seen.State != head.State {
		t.Errorf("merge returned turn %+v and state %v, Look returned %+v and %v", head.Turn, head.State, seen.Turn, seen.State)
	}
	return head.Turn
}

func takesTurn(t *testing.T, place FleetPlace) {
	f := join(t, place)
	generation := look(t, f).Generation
	first := wantTurn(t, f, step(1, generation), true, 1)
	second := wantTurn(t, f, step(1, generation), true, 1)
	if first.Count == 0 || second.Count <= first.Count {
		t.Errorf("progress changed the count from %d to %d", first.Count, second.Count)
	}
	if count := beat(t, f, 1, look(t, f).Position).Count; count <= second.Count {
		t.Errorf("a heartbeat has count %d after a turn with %d, want one common counter", count, second.Count)
	}
	release := step(1, generation)
	release.Then = store.Release
	// A gate that looks now and then must see that another gate had the turn in
	// between.
	free := wantTurn(t, f, release, true, 0)
	if answer := beat(t, f, 1, look(t, f).Position); answer.Turn != free || free.Count <= second.Count {
		t.Errorf("after %+v, the turn was released as %+v, and a heartbeat was answered %+v", second, free, answer.Turn)
	}
	wantTurn(t, f, step(2, generation), true, 2)
	if again := wantTurn(t, f, store.Merge{Gate: 2, Generation: generation, Then: store.Release}, true, 0); again == free {
		t.Errorf("the turn had a holder, and is free as %+v again", again)
	}
}

// Rule R7: two gates that merge at once would both believe that they were first.
func keepsTurn(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	generation := look(t, f).Generation
	wantTurn(t, f, step(1, generation), true, 1)
	for _, then := range []store.Then{store.Keep, store.Release, store.Open} {
		wantTurn(t, other, store.Merge{Gate: 2, Generation: generation, Revocations: named([]string{"a"}), Then: then}, false, 1)
	}
	if head := look(t, f); head.State != store.StateRepair || head.Seq != 0 {
		t.Errorf("merges that were not done left the head %+v", head)
	}
	wantTurn(t, f, step(1, generation), true, 1)
}

// Rule R7: a witness holds all that was ever acknowledged. Another gate must not open
// the log before it.
func witnessFirst(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	generation := look(t, f).Generation
	witness, second := step(2, generation), step(3, generation)
	witness.Witness, second.Witness = true, true
	wantTurn(t, f, step(1, generation), true, 1)
	if turn := wantTurn(t, other, witness, true, 2); !turn.Witness {
		t.Errorf("the turn of a witness is %+v", turn)
	}
	wantTurn(t, f, step(1, generation), false, 2)
	wantTurn(t, f, second, false, 2)
	wantTurn(t, other, witness, true, 2)
}

// Rule R7: a gate that died during its merge does not hold up the fleet. A live gate
// loses its turn only to a gate that saw no progress.
func takesStale(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	generation := look(t, f).Generation
	old := wantTurn(t, f, step(1, generation), true, 1)
	live := wantTurn(t, f, step(1, generation), true, 1)
	late := step(2, generation)
	for _, stale := range []uint64{0, old.Count, live.Count + 1} {
		late.Stale = stale
		wantTurn(t, other, late, false, 1)
	}
	late.Stale = live.Count
	wantTurn(t, other, late, true, 2)
	wantTurn(t, f, step(1, generation), false, 2)
}

// A turn that outlived its generation would hold up the next repair.
func losesTurn(t *testing.T, place FleetPlace) {
	f := join(t, place)
	for name, lose := range map[string]func(){"a lost log": place.LoseLog, "a restart": place.Restart} {
		publish(t, f, "a")
		holder := step(1, look(t, f).Generation)
		holder.Witness = true
		wantTurn(t, f, holder, true, 1)
		lose()
		if head := back(t, f); head.Generation == holder.Generation || head.Turn != (store.Turn{}) {
			t.Errorf("after %s the head is %+v", name, head)
		}
	}
}

func opens(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	generation := look(t, f).Generation
	wantTurn(t, f, step(1, generation), true, 1)
	open := step(1, generation)
	open.Then, open.Revocations = store.Open, named([]string{"a"})
	head, done := merge(t, f, open)
	if !done || head.State != store.StateOpen || head.Turn.Gate != 0 || head.Seq != 1 || head.Generation != generation {
		t.Fatalf("opening: done %v, head %+v", done, head)
	}
	for _, then := range []store.Then{store.Keep, store.Release, store.Open} {
		again := store.Merge{Gate: 2, Witness: true, Generation: generation, Revocations: named([]string{"b"}), Then: then}
		if head, done := merge(t, other, again); done || head.State != store.StateOpen || head.Turn.Gate != 0 || head.Seq != 1 {
			t.Errorf("merging into an open log: done %v, head %+v", done, head)
		}
	}
}

// Attack on rule R7: the last step of a merge arrives after the log was lost once
// more, and opens a log into which nothing was merged.
func mergesThisOnly(t *testing.T, place FleetPlace) {
	f := join(t, place)
	before := look(t, f)
	for _, generation := range []store.Generation{0, before.Generation ^ 2} {
		late := store.Merge{Gate: 1, Witness: true, Generation: generation, Revocations: named([]string{"a"}), Then: store.Open}
		if head, done := merge(t, f, late); done || !equal(head, before) {
			t.Errorf("merging into generation %x: done %v, head %+v", generation, done, head)
		}
	}
	if after := look(t, f); !equal(before, after) {
		t.Errorf("merges that were not done changed %+v into %+v", before, after)
	}
}

func mergesOneEntry(t *testing.T, place FleetPlace) {
	f := join(t, place)
	generation := look(t, f).Generation
	full := step(1, generation)
	full.Revocations = named([]string{"a", "b", "c"})
	head, _ := merge(t, f, full)
	empty, _ := merge(t, f, step(1, generation))
	if head.Seq != 1 || empty.Seq != 1 {
		t.Errorf("three revocations led to number %d, none to %d; want 1 and 1", head.Seq, empty.Seq)
	}
	if _, _, err := f.Merge(t.Context(), store.Merge{Gate: 1, Generation: generation, Revocations: []store.Revocation{{}}, Then: store.Open}); err == nil {
		t.Error("an invalid revocation was merged")
	}
	if head := look(t, f); head.State != store.StateRepair {
		t.Errorf("a refused merge left the log %v", head.State)
	}
	entries, _ := readLeft(t, f)
	if len(entries) != 1 || len(entries[0].Revocations) != 3 || entries[0].Position != head.Position {
		t.Errorf("merged three revocations at %v, read %+v", head.Position, entries)
	}
}
