package storetest

import (
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// What gates publish and merge keeps its instant and its origin, and the history finds it
// over generations and over lost entries.
func tellsHistoryAfterLosses(t *testing.T, place FleetPlace) {
	f := join(t, place)
	of := func(instant int64, reason string) store.Revocation {
		r := session("s", later())
		r.NotBefore, r.Origin = instant, store.Origin{Source: store.SourceIssuer, Reason: reason, Made: 1_800_000_000}
		return r
	}
	want := []store.Revocation{of(100, "published"), of(300, "after the lost one"), of(400, "merged")}
	put := func(r store.Revocation) store.Head {
		t.Helper()
		head, err := f.Publish(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return head
	}
	put(want[0])
	lost := put(of(200, "lost"))
	put(want[1])
	place.LoseEntry(lost.Seq)
	merged := step(1, back(t, f).Generation)
	merged.Revocations = []store.Revocation{session("other", later()), want[2]}
	if _, done := merge(t, f, merged); !done {
		t.Fatal("the merge was not done")
	}
	found, _ := historyOf(t, f, want[0].Key)
	if len(found) != len(want) {
		t.Fatalf("the log says %v, want %v", found, want)
	}
	for i, one := range found {
		if one.Revocation != want[i] {
			t.Errorf("the log says %v, want %v", one.Revocation, want[i])
		}
	}
}
