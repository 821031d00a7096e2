package storetest

import (
	"slices"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// silent sends a heartbeat of a gate. It says that gates with a count up to this one
// have been silent for longer than any lease.
func silent(t *testing.T, f store.Fleet, gate store.GateID, applied store.Position, count uint64) store.Head {
	t.Helper()
	return send(t, f, store.Heartbeat{Gate: gate, Applied: applied, Lease: lease, Silent: count})
}

// wantListed checks which gates are on a short list.
func wantListed(t *testing.T, f store.Fleet, what string, want ...store.GateID) {
	t.Helper()
	var ids []store.GateID
	head := look(t, f)
	for _, gate := range head.Gates {
		ids = append(ids, gate.ID)
	}
	slices.Sort(ids)
	if !slices.Equal(ids, want) || head.Live != len(want) {
		t.Errorf("%s: listed are %v, counted %d; want %v", what, ids, head.Live, want)
	}
}

func leaves(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	position := look(t, f).Position
	for gate := range store.GateID(3) {
		beat(t, f, gate+1, position)
	}
	for range 2 {
		if err := other.Leave(t.Context(), 2); err != nil {
			t.Fatalf("Leave: %v", err)
		}
		wantListed(t, f, "after gate 2 left", 1, 3)
	}
	if head := look(t, f); head.Generation != position.Generation {
		t.Errorf("a gate that left caused a new generation: %+v", head)
	}
}

func takesSilentOff(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	position := publish(t, f, "a").Position
	beat(t, f, 1, position)
	last := beat(t, f, 2, position).Count
	beat(t, other, 3, position)
	answer := silent(t, other, 3, position, last)
	slices.Sort(answer.Gone)
	if want := []store.GateID{1, 2}; !slices.Equal(answer.Gone, want) || answer.Live != 1 {
		t.Errorf("the heartbeat was answered %+v, want gates %v gone", answer, want)
	}
	wantListed(t, f, "after two were silent", 3)
	if again := silent(t, other, 3, position, last); len(again.Gone) != 0 {
		t.Errorf("the next heartbeat removed %v", again.Gone)
	}
}

// Attack on rule R2: a heartbeat that removes silent gates from the list arrives
// late. A gate that came back meanwhile would admit, and no revocation would wait for
// it.
func keepsWhoCameBack(t *testing.T, place FleetPlace) {
	f := join(t, place)
	position := publish(t, f, "a").Position
	old := beat(t, f, 1, position).Count
	beat(t, f, 1, position)
	other := position
	other.Generation ^= 2
	for what, late := range map[string]store.Heartbeat{
		"an old count":                     {Gate: 2, Applied: position, Silent: old},
		"no count":                         {Gate: 2, Applied: position},
		"a heartbeat of no generation":     {Gate: 2, Silent: 1 << 40},
		"a heartbeat of another one":       {Gate: 2, Applied: other, Silent: 1 << 40},
		"the heartbeat of a gate to leave": {Gate: 1, Applied: position, Silent: old},
	} {
		if answer := send(t, f, late); len(answer.Gone) != 0 {
			t.Errorf("%s removed %v", what, answer.Gone)
		}
		if err := f.Leave(t.Context(), 2); err != nil {
			t.Fatalf("Leave: %v", err)
		}
		wantListed(t, f, "after "+what, 1)
	}
}

// For any number of gates, an answer names a few: those that have applied least. A call
// that waits for all waits for them.
func namesLeast(t *testing.T, place FleetPlace) {
	const gates = 3 * store.MaxGates
	f := join(t, place)
	var positions []store.Position
	for range 4 {
		positions = append(positions, publish(t, f, "a").Position)
	}
	var counts []uint64
	for gate := range store.GateID(gates) {
		position := positions[3]
		if gate%16 == 5 {
			position = positions[gate/16%3]
		}
		counts = append(counts, beat(t, f, gate+1, position).Count)
	}
	for what, head := range map[string]store.Head{"a look": look(t, f), "a publish": publish(t, f, "b")} {
		if head.Live != gates || len(head.Gates) != store.MaxGates {
			t.Fatalf("%s counts %d gates and names %d", what, head.Live, len(head.Gates))
		}
		for i, want := range []struct{ gates, applied uint64 }{{2, 1}, {2, 2}, {2, 3}} {
			for _, gate := range head.Gates[2*i : 2*i+2] {
				if gate.Applied != want.applied || gate.ID%16 != 6 {
					t.Errorf("%s names %+v at index %d, want a gate that has applied %d", what, gate, i, want.applied)
				}
			}
		}
		if head.Gates[6].Applied != 4 {
			t.Errorf("%s names %+v after the gates that lag", what, head.Gates[6])
		}
	}
	answer := silent(t, f, 1, positions[3], counts[gates-1])
	if len(answer.Gone) != store.MaxGates || answer.Live != gates-store.MaxGates || slices.Contains(answer.Gone, gates) {
		t.Errorf("%d gates were silent: %d gone, %d left", gates-1, len(answer.Gone), answer.Live)
	}
}

// Attack: a gate that does not use the list joins a fleet that does. It admits by
// its lease, no revocation waits for it, and the first 200 comes too early.
func saysUnlisted(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	position := publish(t, f, "a").Position
	beat(t, f, 1, position)
	unlisted := store.Heartbeat{Gate: 2, Applied: position, Lease: lease, Unlisted: true}
	answer := send(t, other, unlisted)
	if !answer.Unlisted || answer.Live != 1 || answer.Count == 0 {
		t.Errorf("the heartbeat was answered %+v", answer)
	}
	wantListed(t, f, "beside a gate that is on no list", 1)
	for what, head := range map[string]store.Head{
		"a look": look(t, f), "a publish": publish(t, f, "b"), "a heartbeat": beat(t, f, 1, position),
		"a heartbeat to which others were silent": silent(t, f, 1, position, answer.Count-1),
	} {
		if !head.Unlisted {
			t.Errorf("%s does not report the unlisted gate: %+v", what, head)
		}
	}
	// Another unlisted gate sends a heartbeat, and the first does not.
	unlisted.Gate = 3
	last := send(t, other, unlisted).Count
	if head := silent(t, f, 1, position, last-1); !head.Unlisted {
		t.Errorf("one of two gates was silent: %+v", head)
	}
	if head := silent(t, f, 1, position, last); head.Unlisted || look(t, f).Unlisted {
		t.Errorf("all unlisted gates were silent: %+v", head)
	}
	// A gate that was on the list asks to be off it.
	unlisted.Gate = 1
	send(t, f, unlisted)
	wantListed(t, f, "after the gate went off the list")
	if head := look(t, f); head.Generation != position.Generation || !head.Unlisted {
		t.Errorf("after the gate went off the list: %+v", head)
	}
}

// Rule R8. Attack or accident: the list of gates is deleted, and nothing else.
// The next revocation would wait for no gate.
func afterLostList(t *testing.T, place FleetPlace) {
	f := join(t, place)
	before := settle(t, f)
	place.LoseGates()
	head := wantNewGeneration(t, f, before)
	if head.Seq != before.Seq || head.Lease != before.Lease || head.Live != 0 {
		t.Errorf("after the list was lost the head is %+v, before it was %+v", head, before)
	}
	wantLeft(t, f, head, 1, 2, 3, 4, 5)
	if count := beat(t, f, 1, look(t, f).Position).Count; count <= before.Count {
		t.Errorf("the counter changed from %d to %d", before.Count, count)
	}
}
