package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

// RunMovable runs the suite of a store that is a store.Movable. It calls fresh for each
// test, as Run does.
func RunMovable(t *testing.T, fresh func(t *testing.T) Place) {
	for _, test := range []contractTest{
		{"all sessions and tokens are read, part by part", readsMemory},
		{"an unknown place in the memory is an error", unknownPlace},
		{"a paused store accepts no revocation and no token, and everything else works", pauses},
		{"a restart changes neither a pause nor its end", pauseComesBack},
		{"revocations confirmed during a pause are read after it", pauseMissesNothing},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, fresh(t)) })
	}
}

func openMovable(t *testing.T, place Place) store.Movable {
	t.Helper()
	s := open(t, place)
	movable, ok := s.(store.Movable)
	if !ok {
		t.Fatalf("%T does not implement store.Movable", s)
	}
	return movable
}

// memoryOf reads all of the memory.
func memoryOf(t *testing.T, s store.Movable) (all store.Memory) {
	t.Helper()
	for next := ""; ; {
		part, after, err := s.Memory(t.Context(), next)
		if err != nil {
			t.Fatalf("Memory from %q: %v", next, err)
		}
		all.Sessions, all.Grants = append(all.Sessions, part.Sessions...), append(all.Grants, part.Grants...)
		if next = after; next == "" {
			return all
		}
	}
}

func readsMemory(t *testing.T, place Place) {
	s := openMovable(t, place)
	if all := memoryOf(t, s); len(all.Sessions)+len(all.Grants) != 0 {
		t.Errorf("an empty store remembers %v", all)
	}
	want := make(map[string]bool)
	for i := range 700 {
		session := store.Session{Issuer: issuer, ID: fmt.Sprint("s", i), Subject: fmt.Sprint(i % 7), FirstSeen: 1, LastSeen: 2, Expires: later()}
		grant := refreshOf(fmt.Sprint("t", i), "family")
		if err := errors.Join(s.Seen(t.Context(), session), s.Learn(t.Context(), grant)); err != nil {
			t.Fatal(err)
		}
		want[fmt.Sprint(session.ID, session.Subject)], want[fmt.Sprint(grant)] = true, true
	}
	all := memoryOf(t, s)
	for _, session := range all.Sessions {
		delete(want, fmt.Sprint(session.ID, session.Subject))
	}
	for _, grant := range all.Grants {
		delete(want, fmt.Sprint(grant))
	}
	if len(want) > 0 {
		t.Errorf("%d sessions and tokens are not read", len(want))
	}
}

func unknownPlace(t *testing.T, place Place) {
	if part, _, err := openMovable(t, place).Memory(t.Context(), "elsewhere"); err == nil {
		t.Errorf("Memory returns %v, want an error", part)
	}
}

func checkPaused(t *testing.T, s store.Movable, want bool) {
	t.Helper()
	if got, err := s.Paused(t.Context()); got != want || err != nil {
		t.Errorf("Paused is %v, %v; want %v", got, err, want)
	}
	_, appended := s.Append(t.Context(), session(fmt.Sprint("after ", want), later()))
	for what, err := range map[string]error{"Append": appended, "Learn": s.Learn(t.Context(), refreshOf("late", "family"))} {
		if errors.Is(err, store.ErrPaused) != want || err != nil && !want {
			t.Errorf("%s of a store with paused=%v returns %v", what, want, err)
		}
	}
}

func pauses(t *testing.T, place Place) {
	s := openMovable(t, place)
	mustAppend(t, s, session("before", later()))
	checkPaused(t, s, false)
	if err := s.Pause(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	checkPaused(t, s, true)
	if err := s.Seen(t.Context(), store.Session{Issuer: issuer, ID: "seen", Subject: "alice", Expires: later()}); err != nil {
		t.Errorf("Seen of a paused store: %v", err)
	}
	if got := len(readAll(t, s, store.Position{})); got != 2 {
		t.Errorf("%d entries are read, want the 2 from before the pause", got)
	}
	for range 2 {
		if err := s.Pause(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	checkPaused(t, s, false)
}

// Attack: restart the gate that was copied. It would accept logouts that are not in the
// copy.
func pauseComesBack(t *testing.T, place Place) {
	for _, paused := range []bool{true, false} {
		s := openMovable(t, place)
		if err := s.Pause(t.Context(), paused); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = openMovable(t, place)
		checkPaused(t, s, paused)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Attack: log out while the store is being paused. A confirmed logout would be missing in
// the copy.
func pauseMissesNothing(t *testing.T, place Place) {
	s := openMovable(t, place)
	var mu sync.Mutex
	confirmed := make(map[store.Key]bool)
	begun := make(chan struct{}, 1)
	var wait sync.WaitGroup
	for i := range 8 {
		wait.Go(func() {
			for n := 0; ; n++ {
				r := session(fmt.Sprint(i, " ", n), later())
				if _, err := s.Append(t.Context(), r); err != nil {
					if !errors.Is(err, store.ErrPaused) {
						t.Errorf("Append: %v", err)
					}
					return
				}
				mu.Lock()
				confirmed[r.Key] = true
				mu.Unlock()
				select {
				case begun <- struct{}{}:
				default:
				}
			}
		})
	}
	<-begun
	if err := s.Pause(t.Context(), true); err != nil {
		t.Error(err)
	}
	entries := readAll(t, s, store.Position{})
	wait.Wait()
	for _, entry := range entries {
		for _, r := range entry.Revocations {
			delete(confirmed, r.Key)
		}
	}
	if len(confirmed) > 0 {
		t.Errorf("%d confirmed revocations are missing after the pause", len(confirmed))
	}
}
