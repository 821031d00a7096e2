package storetest

import (
	"errors"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// historyOf reads the whole history of keys, page after page.
func historyOf(t *testing.T, s store.Store, keys ...store.Key) (found []store.Logged, pages int) {
	t.Helper()
	for after := (store.Position{}); ; {
		page, err := store.History(t.Context(), s, after, keys...)
		if err != nil {
			t.Fatalf("History after %v: %v", after, err)
		}
		found, pages, after = append(found, page.Found...), pages+1, page.Next
		if page.Over {
			return found, pages
		}
	}
}

// An operator asks who revoked a session, and why.
func tellsHistory(t *testing.T, place Place) {
	s := open(t, place)
	if found, pages := historyOf(t, s, session("s", 1).Key); len(found) != 0 || pages != 1 {
		t.Errorf("an empty log says %v in %d pages", found, pages)
	}
	first, again, other := session("s", later()), session("s", later()+9), session("other", later())
	first.NotBefore, first.Origin = 1_800_000_000, store.Origin{Source: store.SourceEndpoint, Made: 1_800_000_001}
	again.Origin = store.Origin{Source: store.SourceAdmin, Reason: "laptop stolen", Made: 1_800_000_002}
	one := mustAppend(t, s, other, first)
	mustAppend(t, s, other)
	two := mustAppend(t, s, again)
	found, _ := historyOf(t, s, session("s", 1).Key, session("unknown", 1).Key)
	if len(found) != 2 || found[0].Revocation != first || found[1].Revocation != again {
		t.Fatalf("the log says %v, want %v and %v", found, first, again)
	}
	if found[0].Position.Seq != one.Seq || found[1].Position.Seq != two.Seq {
		t.Errorf("found at %d and %d, want %d and %d", found[0].Position.Seq, found[1].Position.Seq, one.Seq, two.Seq)
	}
}

// Attack: revoke one session so often that an answer about it would fill the memory.
func tellsHistoryInPages(t *testing.T, place Place) {
	const entries, each = 5, store.MaxHistory * 2 / 5
	s := open(t, place)
	r := session("s", later())
	for range entries {
		var revocations []store.Revocation
		for range each {
			r.Expires++
			revocations = append(revocations, r)
		}
		mustAppend(t, s, revocations...)
	}
	found, pages := historyOf(t, s, r.Key)
	if len(found) != entries*each || pages != 2 {
		t.Errorf("found %d in %d pages, want %d in 2", len(found), pages, entries*each)
	}
	for i, one := range found {
		if want := r.Expires - int64(len(found)-1-i); one.Expires != want {
			t.Fatalf("the revocation at %d expires at %d, want %d: one is missing or comes twice", i, one.Expires, want)
		}
	}
}

// Attack: ask for the history after a position that no log has. A store that took it for a
// reader's would begin a new generation, and no gate would admit until it is repaired.
func refusesMadeUpHistory(t *testing.T, place Place) {
	s := open(t, place)
	at := mustAppend(t, s, session("s", later()))
	beyond, foreign, tagged := at, at, at
	beyond.Seq += 1000
	foreign.Generation++
	tagged.Tag += 7
	if _, err := store.History(t.Context(), s, beyond); !errors.Is(err, store.ErrGap) {
		t.Errorf("beyond the log: %v, want ErrGap", err)
	}
	if _, err := store.History(t.Context(), s, foreign); !errors.Is(err, store.ErrGeneration) {
		t.Errorf("of another generation: %v, want ErrGeneration", err)
	}
	if page, err := store.History(t.Context(), s, tagged); err != nil || !page.Over {
		t.Errorf("with another tag: %+v, %v", page, err)
	}
	if batch, err := s.Read(t.Context(), at, 0); err != nil || batch.Head.Generation != at.Generation {
		t.Errorf("the log has generation %v (%v), want %v", batch.Head.Generation, err, at.Generation)
	}
}
