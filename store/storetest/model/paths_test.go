package model_test

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// A page that is cut by bytes is like any other. The next read continues at its end.
func TestAPageIsCutByBytesButHoldsOneEntry(t *testing.T) {
	s := model.NewServer(1, 100)
	c := s.Connect(nil)
	mustPublish(t, c, "a", "b", "c", "d", "e")
	for bytes, want := range map[int][]int{
		0:   {5},
		1:   {1, 1, 1, 1, 1},
		50:  {2, 2, 1}, // 22 bytes each
		1e6: {5},
	} {
		s.LimitPage(bytes)
		var got []int
		for at := (store.Position{}); at.Seq < 5; {
			page, err := c.Read(t.Context(), at, 0)
			if err != nil || len(page.Entries) == 0 || page.Head.Seq != 5 {
				t.Fatalf("%d bytes: reading after %d gives %+v, %v", bytes, at.Seq, page, err)
			}
			got, at = append(got, len(page.Entries)), page.Entries[len(page.Entries)-1].Position
		}
		if !slices.Equal(got, want) {
			t.Errorf("pages of %d bytes hold %v entries, want %v", bytes, got, want)
		}
	}
}

func TestAReadThatFindsNothingIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := model.NewServer(1, batch)
		s.Hold(time.Minute)
		c := s.Connect(nil)
		at := mustPublish(t, c, "a").Position
		began := time.Now()
		if page, err := c.Read(t.Context(), at, time.Second); err != nil || len(page.Entries) > 0 || time.Since(began) != time.Minute {
			t.Errorf("an empty read took %v and gave %+v, %v", time.Since(began), page, err)
		}
		began = time.Now()
		time.AfterFunc(time.Millisecond, func() { mustPublish(t, c, "b") })
		if page, err := c.Read(t.Context(), at, time.Second); err != nil || len(page.Entries) != 1 || time.Since(began) != time.Millisecond {
			t.Errorf("a read that finds an entry took %v and gave %+v, %v", time.Since(began), page, err)
		}
	})
}

// Fault: a machine is restored from a snapshot with its memory. Only a gate that has read
// further can tell, until as many new entries have come as were lost.
func TestARollbackKeepsTheIdentity(t *testing.T) {
	s := model.NewServer(1, batch)
	c := s.Connect(nil)
	before := mustPublish(t, c, "a")
	dump := s.Dump()
	lost := mustPublish(t, c, "b")
	s.RollBack(dump)
	if head := mustLook(t, c); head.Position != before.Position || !slices.Equal(holds(s, "a", "b"), []string{"a"}) {
		t.Fatalf("after the rollback the head is %+v, want %+v", head, before)
	}
	head, err := c.Heartbeat(t.Context(), store.Heartbeat{Gate: 1, Applied: lost.Position})
	if err != nil || head.Generation == before.Generation {
		t.Errorf("a heartbeat beyond the head is answered with %+v, %v; want a new generation", head, err)
	}
}

// Fault: a failover that some gates notice late.
func TestAnOldServerAnswersUntilItIsDemoted(t *testing.T) {
	s := model.NewServer(1, batch)
	old, moved := s.Connect(nil), s.Connect(nil)
	before := mustPublish(t, old, "a")
	to := s.Promote(s.Dump())
	moved.Move(to)
	mustPublish(t, old, "old")
	if head := mustPublish(t, moved, "new"); head.Generation == before.Generation || head.State != store.StateRepair {
		t.Errorf("the promoted server has the head %+v, want that of the old one, %+v", head, before)
	}
	if got, and := holds(s, "a", "old", "new"), holds(to, "a", "old", "new"); !slices.Equal(got, []string{"a", "old"}) || !slices.Equal(and, []string{"a", "new"}) {
		t.Errorf("the old server holds %q, the new one %q", got, and)
	}
	s.Demote()
	if _, err := old.Look(t.Context()); !errors.Is(err, model.ErrDemoted) {
		t.Errorf("a call to the old server gives %v, want %v", err, model.ErrDemoted)
	}
	old.Move(to)
	mustPublish(t, old, "b")
}

func TestTheWallClockOfAServerIsSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := model.NewServer(1, batch)
		s.StepClock(-48 * time.Hour)
		time.Sleep(time.Hour)
		if off := time.Until(s.Now()); off != -48*time.Hour {
			t.Errorf("after a step of two days back, the clock is off by %v", off)
		}
	})
}
