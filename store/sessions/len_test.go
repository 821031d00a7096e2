package sessions_test

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// Sessions count while they are seen, and half an hour after that at the most, also if no request
// comes any more.
func TestLenCountsTheSessionsSeenLately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newStore())
		for i := range 100 {
			for range 3 {
				r.Note(issuer, strconv.Itoa(i), "alice", time.Now().Unix())
			}
		}
		if n := r.Len(); n != 100 {
			t.Errorf("%d sessions, want 100", n)
		}
		time.Sleep(15 * time.Minute)
		r.Note(issuer, "new", "alice", time.Now().Unix())
		if n := r.Len(); n != 101 {
			t.Errorf("after 15 minutes %d sessions, want 101", n)
		}
		time.Sleep(15 * time.Minute)
		if n := r.Len(); n != 1 {
			t.Errorf("after 30 minutes %d sessions, want 1", n)
		}
		time.Sleep(30 * time.Minute)
		if n := r.Len(); n != 0 {
			t.Errorf("after an hour %d sessions, want none", n)
		}
	})
}
