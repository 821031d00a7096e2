package redisstore_test

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
)

// large returns an entry with the maximum number of revocations, each of another session,
// as merges write them.
func large(number int) []store.Revocation {
	expires := time.Now().Add(time.Hour).Unix()
	revocations := make([]store.Revocation, store.MaxRevocations)
	for i := range revocations {
		r := &revocations[i]
		r.Kind, r.Expires = store.KindSession, expires
		// Keys are hashes; two multiplications are as good and far quicker.
		n := uint64(number*store.MaxRevocations + i + 1)
		binary.BigEndian.PutUint64(r.Key[:], n*0x9e3779b97f4a7c15)
		binary.BigEndian.PutUint64(r.Key[8:], n*0xbf58476d1ce4e5b9)
	}
	return revocations
}

func mustAppendLarge(tb testing.TB, s store.Store, entries int) (last store.Position) {
	tb.Helper()
	for i := range entries {
		var err error
		if last, err = s.Append(tb.Context(), large(i)...); err != nil {
			tb.Fatalf("Append: %v", err)
		}
	}
	return last
}

// size is how many entries and how many revocations a batch had.
type size struct{ entries, revocations int }

// readBatches reads all entries after a position, by the calls of a gate that is behind.
// It returns the total size and the largest batch.
func readBatches(t *testing.T, s store.Store, after store.Position, wait time.Duration) (all, largest size, batches int) {
	t.Helper()
	for {
		batch, err := s.Read(t.Context(), after, wait)
		if err != nil {
			t.Fatalf("Read after %v: %v", after, err)
		}
		if len(batch.Entries) == 0 {
			if batch.Head.Seq > max(after.Seq, batch.Born) {
				t.Fatalf("after %v came nothing, the head is %v", after, batch.Head)
			}
			return all, largest, batches
		}
		got := size{entries: len(batch.Entries)}
		for _, e := range batch.Entries {
			if e.Position.Seq <= after.Seq || e.Position.Seq > max(after.Seq, batch.Born)+1 && after.Seq != 0 {
				t.Fatalf("entry %d after %d", e.Position.Seq, after.Seq)
			}
			after = e.Position
			got.revocations += len(e.Revocations)
		}
		all.entries, all.revocations, batches = all.entries+got.entries, all.revocations+got.revocations, batches+1
		if got.revocations > largest.revocations {
			largest = got
		}
	}
}

// Fault: after a merge of two million revocations, a page of 4096 entries had 350 MB. No
// gate could read it within the time of one call.
func TestAPageIsCutByBytes(t *testing.T) {
	const entries = 45
	server := redistest.Start(t)
	s := openAt(t, server)
	first := mustAppend(t, s, "small")
	last := mustAppendLarge(t, s, entries)
	for name, test := range map[string]struct {
		after store.Position
		wait  time.Duration
		all   int
	}{
		"from the beginning":    {store.Position{}, 0, entries + 1},
		"from an entry":         {first, 0, entries},
		"by a read that waits":  {first, time.Millisecond, entries},
		"from its own position": {last, 0, 0},
	} {
		all, largest, _ := readBatches(t, s, test.after, test.wait)
		// A large entry has 86 KiB. A waiting read adds a page to its own result.
		if largest.entries > 13+16 || test.wait == 0 && largest.entries > 13 {
			t.Errorf("%s: a batch of %d entries", name, largest.entries)
		}
		if all.entries != test.all {
			t.Errorf("%s: read %d entries, want %d", name, all.entries, test.all)
		}
	}
	if head := mustLook(t, s); head.Generation != first.Generation {
		t.Errorf("cut pages were taken for holes: the head is %+v, it was of %v", head, first)
	}
}

// A cut page ends before the head, and before the number at which the generation began.
// Neither is a gap; a missing entry after it is one.
func TestACutPageHidesNoHole(t *testing.T) {
	server := redistest.Start(t)
	s := openAt(t, server)
	mustAppendLarge(t, s, 30)
	server.Do("XDEL", logKey, "3-0", "28-0")
	born := mustLook(t, s)
	mustAppendLarge(t, s, 30)
	all, _, batches := readBatches(t, s, store.Position{}, 0)
	if all.entries != 58 || batches < 4 {
		t.Errorf("read %d entries in %d batches, want 58", all.entries, batches)
	}
	if head := mustLook(t, s); head.Generation != born.Generation {
		t.Errorf("what is left was taken for a hole: the head is %+v, it was %+v", head, born)
	}
	// The log has as many entries as the head counts, but other numbers.
	server.Do("XDEL", logKey, "45-0")
	server.Do("XADD", logKey, "61-0", "r", recordOf(t, born.Generation, revocation("61")))
	after := store.Position{Generation: born.Generation, Seq: 30}
	for err := error(nil); !errors.Is(err, store.ErrGeneration); {
		var batch store.Batch
		if batch, err = s.Read(t.Context(), after, 0); err == nil {
			after = batch.Entries[len(batch.Entries)-1].Position
		}
		if after.Seq > 44 {
			t.Fatalf("read on over the hole: %v", after)
		}
	}
}

// A bare command returns a thousand entries if each of them is small. The script reads the
// large ones that merges wrote between them, at any place.
func TestLargeEntriesAmongSmallOnes(t *testing.T) {
	const entries, large, bytes = 3000, 20, 21
	server := redistest.Start(t)
	s := openAt(t, server)
	fill(t, server, mustAppend(t, s, "first"), entries)
	mustAppendLarge(t, s, large)
	end := mustAppend(t, s, "small again")
	for name, rebuild := range map[string]func(){
		"as it is":             func() {},
		"from another process": func() { server.Do("HSET", headKey, "store", "another") },
		"without a head":       func() { server.Do("DEL", headKey) },
	} {
		rebuild()
		all, largest, _ := readBatches(t, openAt(t, server), store.Position{}, 0)
		if all.entries != int(end.Seq) || largest.revocations*bytes > 1<<20 {
			t.Errorf("%s: read %+v, the largest batch was %+v", name, all, largest)
		}
	}
}
