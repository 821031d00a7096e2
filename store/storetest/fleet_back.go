package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// goneBack saves the contents of a place, publishes some more entries, which a gate
// applies, takes the log back, and publishes others. It returns the head that the gate
// had applied, and the head at the end.
func goneBack(t *testing.T, place FleetPlace, f store.Fleet, lost, others int) (applied, after store.Head) {
	t.Helper()
	settle(t, f)
	back := place.Keep()
	for i := range lost {
		applied = publish(t, f, fmt.Sprintf("lost %d", i))
	}
	back()
	after = look(t, f)
	for i := range others {
		after = publish(t, f, fmt.Sprintf("other %d", i))
	}
	if after.Generation != applied.Generation {
		t.Fatalf("the log went back to another generation: %+v after %+v", after, applied)
	}
	return applied, after
}

// Attack: the memory of the store's machine is set back to a snapshot. The process is
// the same, and head and log agree. Revocations that were acknowledged since are gone.
// A gate that held them must find out, whatever was published since.
func findsThatTheLogWentBack(t *testing.T, place FleetPlace) {
	calls := map[string]func(f store.Fleet, at store.Position) error{
		"a heartbeat": func(f store.Fleet, at store.Position) error {
			answer, err := f.Heartbeat(t.Context(), store.Heartbeat{Gate: 1, Applied: at, Settled: true, Lease: lease})
			if err == nil && (answer.Count != 0 || answer.State != store.StateRepair) {
				err = fmt.Errorf("the heartbeat was recorded: %+v", answer)
			}
			return err
		},
		"a read": func(f store.Fleet, at store.Position) error { return wantGeneration(f.Read(t.Context(), at, 0)) },
		"a read that waits": func(f store.Fleet, at store.Position) error {
			return wantGeneration(f.Read(t.Context(), at, 10*time.Millisecond))
		},
	}
	for _, way := range []struct {
		name         string
		lost, others int
	}{
		{"by one and on by none", 1, 0},
		{"by one and on by one", 1, 1},
		{"by two and on by one", 2, 1},
		{"by two and on by three", 2, 3},
		{"by one and on by many", 1, 40},
	} {
		for name, call := range calls {
			place.Flush()
			f := join(t, place)
			applied, after := goneBack(t, place, f, way.lost, way.others)
			if err := call(f, applied.Position); err != nil {
				t.Errorf("%s, %s: %v", way.name, name, err)
			}
			head := look(t, f)
			if head.Generation == applied.Generation || head.State != store.StateRepair || head.Live != 0 || head.Seq < after.Seq {
				t.Errorf("back %s, %s left the head %+v", way.name, name, head)
			}
		}
	}
}

// wantGeneration returns an error unless a read has found another generation.
func wantGeneration(batch store.Batch, err error) error {
	if errors.Is(err, store.ErrGeneration) {
		return nil
	}
	return fmt.Errorf("the read gave %+v, %w", batch, err)
}

// A gate that had not read the lost entries cannot know, and continues to read.
func readsOnFromWhatStands(t *testing.T, place FleetPlace) {
	f := join(t, place)
	openLog(t, f)
	before := publish(t, f, "a").Position
	back := place.Keep()
	publish(t, f, "b")
	back()
	head := publish(t, f, "c")
	for _, applied := range []store.Position{before, head.Position, {Generation: head.Generation, Seq: head.Seq}} {
		if answer := beat(t, f, 1, applied); answer.Generation != head.Generation || answer.Count == 0 {
			t.Errorf("the heartbeat at %v was answered %+v", applied, answer)
		}
	}
	if batch, err := f.Read(t.Context(), before, 0); err != nil || len(batch.Entries) != 1 || batch.Entries[0].Position != head.Position {
		t.Errorf("reading on after %v gave %+v, %v", before, batch, err)
	}
}

// The next entry carries the tag of a trimmed one.
func knowsWhatWasTrimmed(t *testing.T, place FleetPlace) {
	for name, follow := range map[string]int{"nothing follows": 0, "one follows": 1} {
		place.Flush()
		f := join(t, place)
		openLog(t, f)
		last := mustAppend(t, f, session("old", 1))
		for range follow {
			publish(t, f, "new")
		}
		if err := f.Trim(t.Context(), time.Now()); err != nil {
			t.Fatalf("Trim: %v", err)
		}
		if answer := beat(t, f, 1, last); answer.Generation != last.Generation || answer.Count == 0 {
			t.Errorf("%s: a heartbeat at what was trimmed was answered %+v", name, answer)
		}
		if batch, err := f.Read(t.Context(), last, 0); err != nil || len(batch.Entries) != follow {
			t.Errorf("%s: reading on from what was trimmed gave %+v, %v", name, batch, err)
		}
		last.Tag++
		if answer := beat(t, f, 1, last); answer.Generation == last.Generation {
			t.Errorf("%s: another entry was trimmed, and the heartbeat was answered %+v", name, answer)
		}
	}
}

// Attack: head and list of gates go back, and the log does not. A gate that joined
// since is not on the list, and no revocation waits for it.
func findsThatTheHeadWentBack(t *testing.T, place FleetPlace) {
	f := join(t, place)
	before := settle(t, f)
	back := place.Keep()
	last := beat(t, f, 3, before.Position)
	back()
	answer := send(t, f, store.Heartbeat{Gate: 3, Applied: before.Position, Count: last.Count, Lease: lease})
	if answer.Generation == before.Generation || answer.Count != 0 || answer.State != store.StateRepair {
		t.Errorf("the heartbeat was answered %+v, want another generation", answer)
	}
}

// Each entry has its own tag, and the call that appends it returns the tag.
func tellsTags(t *testing.T, place FleetPlace) {
	f := join(t, place)
	want := []store.Position{publish(t, f, "a").Position, mustAppend(t, f, session("b", later()))}
	generation := want[0].Generation
	head, _ := merge(t, f, store.Merge{Gate: 1, Generation: generation, Revocations: named([]string{"c"}), Then: store.Open})
	want = append(want, head.Position)
	tags := map[uint64]bool{0: true}
	entries, batch := readLeft(t, f)
	for i, entry := range entries {
		if i >= len(want) || entry.Position != want[i] || tags[entry.Position.Tag] {
			t.Errorf("entry %d is at %v, want %v with a tag of its own", i, entry.Position, want)
		}
		tags[entry.Position.Tag] = true
	}
	if batch.Head != want[2] || look(t, f).Position != want[2] {
		t.Errorf("the log ends at %v, Look returned %v, want %v", batch.Head, look(t, f).Position, want[2])
	}
}
