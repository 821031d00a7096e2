package storetest

import (
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

// RunLocal runs the suite of a store of one machine. The stores that fresh opens
// implement store.Local.
func RunLocal(t *testing.T, fresh func(t *testing.T) Place) {
	for _, test := range []contractTest{
		{"a new store has no bounds", noBounds},
		{"the first retention is no raise", firstRetention},
		{"a longer retention holds the log and refuses tokens older than the shorter one", raises},
		{"a shorter retention changes nothing", lowers},
		{"a held log is not trimmed", holds},
		{"each batch names the second up to which the log was trimmed", tellsSwept},
		{"a trim without expired entries changes no bound", sweepsNothing},
		{"each batch names the time", tellsTime},
		{"a closed store keeps no retention and lowers no floor", closedRetains},
		{"lowering a missing floor changes nothing", lowersNoFloor},
		{"a durable store keeps its bounds", localComesBack},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, fresh(t)) })
	}
}

func openLocal(t *testing.T, place Place) store.Local {
	t.Helper()
	local, ok := open(t, place).(store.Local)
	if !ok {
		t.Fatal("the store does not implement store.Local")
	}
	return local
}

func retainFor(t *testing.T, s store.Local, retention time.Duration) store.Bounds {
	t.Helper()
	longest, bounds, err := s.Retain(t.Context(), retention, time.Minute)
	if err != nil {
		t.Fatalf("Retain: %v", err)
	}
	if again, _, err := s.Retain(t.Context(), time.Second, time.Minute); err != nil || longest < retention || again != longest {
		t.Errorf("after %v the longest is %v, and after a second %v, %v", retention, longest, again, err)
	}
	if inBatch := firstBatch(t, s).Bounds; inBatch != bounds {
		t.Errorf("Retain returned %+v, a batch has %+v", bounds, inBatch)
	}
	return bounds
}

// firstBatch reads the beginning of the log.
func firstBatch(t *testing.T, s store.Store) store.Batch {
	t.Helper()
	batch, err := s.Read(t.Context(), store.Position{}, 0)
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return batch
}

func trimBy(t *testing.T, s store.Store, now time.Time) {
	t.Helper()
	if err := s.Trim(t.Context(), now); err != nil {
		t.Fatalf("Trim: %v", err)
	}
}

// wantSecond fails the test unless an instant is a time from now, within some seconds.
func wantSecond(t *testing.T, what string, got int64, fromNow time.Duration) {
	t.Helper()
	const off = 10
	if want := time.Now().Add(fromNow).Unix(); got < want-off || got > want+off {
		t.Errorf("%s is %d, want about %d", what, got, want)
	}
}

func noBounds(t *testing.T, place Place) {
	if bounds := firstBatch(t, openLocal(t, place)).Bounds; bounds != (store.Bounds{}) {
		t.Errorf("a new store has the bounds %+v", bounds)
	}
}

func firstRetention(t *testing.T, place Place) {
	if bounds := retainFor(t, openLocal(t, place), 24*time.Hour); bounds != (store.Bounds{}) {
		t.Errorf("the first retention gives %+v, want no bounds", bounds)
	}
}

func raises(t *testing.T, place Place) {
	s := openLocal(t, place)
	retainFor(t, s, time.Hour)
	first := retainFor(t, s, 24*time.Hour)
	wantSecond(t, "Hold", first.Hold, 24*time.Hour+time.Minute)
	wantSecond(t, "Forgotten", first.Forgotten, -time.Hour)
	second := retainFor(t, s, 48*time.Hour)
	wantSecond(t, "Hold after a second raise", second.Hold, 48*time.Hour+time.Minute)
	if second.Forgotten != first.Forgotten {
		t.Errorf("a second raise forgets up to %d, want as after the first, %d", second.Forgotten, first.Forgotten)
	}
	if first.Floor != 0 || first.Swept != 0 {
		t.Errorf("a raise gives %+v", first)
	}
}

func lowers(t *testing.T, place Place) {
	s := openLocal(t, place)
	retainFor(t, s, time.Hour)
	before := retainFor(t, s, 24*time.Hour)
	if after := retainFor(t, s, time.Hour); after != before {
		t.Errorf("a shorter retention gives %+v, want the unchanged %+v", after, before)
	}
	if after := retainFor(t, s, 24*time.Hour); after != before {
		t.Errorf("setting the longer one again gives %+v, want the unchanged %+v", after, before)
	}
}

// Attack: a session is revoked, and the operator raises the retention and the lifetime
// of tokens. The revocation was to be kept for the shorter time, and the session's next
// token lives longer.
func holds(t *testing.T, place Place) {
	s := openLocal(t, place)
	retainFor(t, s, time.Hour)
	mustAppend(t, s, session("a", 1))
	retainFor(t, s, 24*time.Hour)
	trimBy(t, s, time.Now())
	if batch := firstBatch(t, s); len(batch.Entries) != 1 || batch.Bounds.Swept != 0 {
		t.Errorf("a held log has %d entries and was swept at %d", len(batch.Entries), batch.Bounds.Swept)
	}
}

func tellsSwept(t *testing.T, place Place) {
	s := openLocal(t, place)
	by := time.Now().Add(-time.Minute)
	for i, at := range []time.Time{by.Add(-time.Hour), by, by.Add(-time.Minute)} {
		mustAppend(t, s, session("expired", 1))
		trimBy(t, s, at)
		want := by.Unix()
		if i == 0 {
			want = at.Unix()
		}
		if batch := firstBatch(t, s); len(batch.Entries) != 0 || batch.Bounds.Swept != want {
			t.Errorf("trim %d left %d entries, and the log was swept at %d, want %d: the latest", i, len(batch.Entries), batch.Bounds.Swept, want)
		}
	}
}

func sweepsNothing(t *testing.T, place Place) {
	s := openLocal(t, place)
	mustAppend(t, s, session("a", later()))
	trimBy(t, s, time.Now())
	if batch := firstBatch(t, s); batch.Bounds != (store.Bounds{}) || len(batch.Entries) != 1 {
		t.Errorf("nothing has expired, and the batch is %+v", batch)
	}
}

func tellsTime(t *testing.T, place Place) {
	s := openLocal(t, place)
	wantSecond(t, "the time", firstBatch(t, s).Now, 0)
	position := mustAppend(t, s, session("a", later()))
	batch, err := s.Read(t.Context(), position, time.Millisecond)
	if err != nil || len(batch.Entries) != 0 {
		t.Fatalf("Read gave %+v, %v", batch, err)
	}
	wantSecond(t, "the time in an empty batch", batch.Now, 0)
}

func closedRetains(t *testing.T, place Place) {
	s := openLocal(t, place)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, bounds, err := s.Retain(t.Context(), time.Hour, 0); err == nil {
		t.Errorf("a closed store has the bounds %+v", bounds)
	}
	if err := s.LowerFloor(t.Context()); err == nil {
		t.Error("a closed store lowers its floor")
	}
}

func lowersNoFloor(t *testing.T, place Place) {
	s := openLocal(t, place)
	retainFor(t, s, time.Hour)
	before := retainFor(t, s, 24*time.Hour)
	if err := s.LowerFloor(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := firstBatch(t, s).Bounds; after != before {
		t.Errorf("without a floor to lower: %+v, want %+v", after, before)
	}
}

func localComesBack(t *testing.T, place Place) {
	if !place.Durable {
		return
	}
	s := openLocal(t, place)
	mustAppend(t, s, session("a", 1))
	trimBy(t, s, time.Now())
	retainFor(t, s, time.Hour)
	want := retainFor(t, s, 24*time.Hour)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openLocal(t, place)
	if got := firstBatch(t, s).Bounds; got != want || got.Swept == 0 || got.Floor != 0 {
		t.Errorf("the reopened store has %+v, want %+v", got, want)
	}
	if got := retainFor(t, s, 24*time.Hour); got != want {
		t.Errorf("the same retention after a restart gives %+v, want %+v", got, want)
	}
}
