package storetest

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// Fault: the first call of any kind after a loss must not be answered from the
// previous generation (rules R6, R8).
func everyCallNotices(t *testing.T, place FleetPlace) {
	f, other := join(t, place), join(t, place)
	calls := map[string]func(before store.Head){
		"Heartbeat": func(before store.Head) {
			answer := send(t, f, store.Heartbeat{Gate: 1, Applied: before.Position, Settled: true, Lease: lease})
			if answer.Generation == before.Generation || answer.Count != 0 || answer.State != store.StateRepair {
				t.Errorf("after the loss, a heartbeat was answered %+v", answer)
			}
		},
		"Publish": func(before store.Head) {
			if head := publish(t, f, "x"); head.Generation == before.Generation || len(head.Gates) != 0 {
				t.Errorf("after the loss, an entry was published into %+v", head)
			}
		},
		"Append": func(before store.Head) {
			if position := mustAppend(t, f, session("x", later())); position.Generation == before.Generation {
				t.Errorf("after the loss, an entry was appended at %v", position)
			}
		},
		"Leave": func(store.Head) {
			if err := f.Leave(t.Context(), 1); err != nil {
				t.Errorf("after the loss, leaving gave %v", err)
			}
		},
		"Merge": func(before store.Head) {
			m := store.Merge{Gate: 1, Witness: true, Generation: before.Generation, Then: store.Open}
			if head, done := merge(t, f, m); done || head.State != store.StateRepair {
				t.Errorf("after the loss, a merge was done: %v, %+v", done, head)
			}
		},
		"Read": func(store.Head) {
			if _, err := f.Read(t.Context(), store.Position{}, 0); err != nil {
				t.Errorf("after the loss, reading all gave %v", err)
			}
		},
		"Trim": func(store.Head) {
			if err := f.Trim(t.Context(), time.Now()); err != nil {
				t.Errorf("after the loss, trimming gave %v", err)
			}
		},
	}
	for what, lose := range map[string]func(){"an entry": func() { place.LoseEntry(4) }, "the list": place.LoseGates} {
		for name, call := range calls {
			place.Flush()
			before := settle(t, f)
			lose()
			call(before)
			head := look(t, other)
			if head.Generation == before.Generation || head.State != store.StateRepair || len(head.Gates) != 0 {
				t.Errorf("after %s was lost, and %s, the head is %+v, before it was %+v", what, name, head, before)
			}
		}
	}
}

// A gate that holds the entries of the log recognizes them by number and tag, and need
// not merge them.
func keepsTags(t *testing.T, place FleetPlace) {
	f := join(t, place)
	settle(t, f)
	before, _ := readLeft(t, f)
	for name, lose := range map[string]func(){
		"a restart": place.Restart, "a lost head": place.LoseHead, "a lost entry": func() { place.LoseEntry(5) },
	} {
		lose()
		back(t, f)
		after, _ := readLeft(t, f)
		if len(after) < 4 {
			t.Fatalf("after %s %d entries are left", name, len(after))
		}
		for i, entry := range after {
			if entry.Position.Tag != before[i].Position.Tag || entry.Position.Seq != before[i].Position.Seq {
				t.Errorf("after %s entry %d is %+v, before it was %+v", name, i, entry, before[i])
			}
		}
	}
}

// Trimming removes entries in order, and is no loss.
func trimsInPeace(t *testing.T, place FleetPlace) {
	f := join(t, place)
	openLog(t, f)
	for range 3 {
		mustAppend(t, f, session("old", 1))
	}
	position := publish(t, f, "new").Position
	beat(t, f, 1, position)
	before := look(t, f)
	mustTrim(t, f, time.Now())
	after := look(t, f)
	if !near(after.Swept, 0) {
		t.Errorf("trimmed by %d, want now", after.Swept)
	}
	if before.Swept = after.Swept; !equal(before, after) {
		t.Errorf("trimming changed %+v into %+v", before, after)
	}
	entries, batch := readLeft(t, f)
	if len(entries) != 1 || entries[0].Position != position || batch.Head != position {
		t.Errorf("after trimming, the log reads %+v up to %v", entries, batch.Head)
	}
}

// Entries up to Born may be missing. A missing entry after it is a loss like any other.
func bornOnce(t *testing.T, place FleetPlace) {
	f := join(t, place)
	settle(t, f)
	place.LoseEntry(2)
	place.LoseEntry(5)
	born := look(t, f)
	var last store.Head
	for _, name := range []string{"x", "y", "z"} {
		last = publish(t, f, name)
	}
	entries, batch := readLeft(t, f)
	if len(entries) != 6 || batch.Born != born.Seq || last.Seq != born.Seq+3 || batch.Head != last.Position {
		t.Fatalf("the log reads %+v up to %v, born at %d of %+v", entries, batch.Head, batch.Born, born)
	}
	// A reader at any position continues after the missing entry.
	for seq := uint64(1); seq <= last.Seq; seq++ {
		at := store.Position{Generation: born.Generation, Seq: seq}
		batch, err := f.Read(t.Context(), at, 0)
		if err != nil {
			t.Fatalf("reading after %d: %v", seq, err)
		}
		if len(batch.Entries) == 0 && seq < last.Seq {
			t.Errorf("after %d came nothing, the head is %v", seq, batch.Head)
		}
	}
	place.LoseEntry(last.Seq - 1)
	again := wantNewGeneration(t, f, last)
	wantLeft(t, f, again, 1, 3, 4, last.Seq-2, last.Seq)
}
