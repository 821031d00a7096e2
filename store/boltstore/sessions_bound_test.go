package boltstore

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

func openLimited(t *testing.T, path string, subject, total int) *Store {
	t.Helper()
	s, err := Open(Options{Path: path, Sessions: store.SessionLimits{Subject: subject, Total: total}})
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() }) // the test may have closed it already
	return s
}

// numberedSessions returns n sessions, each seen a second after the previous one. They
// belong to the given number of subjects in turn.
func numberedSessions(n, subjects int) (sessions []store.Session) {
	for i := range n {
		sessions = append(sessions, seen("s"+strconv.Itoa(i), "u"+strconv.Itoa(i%subjects), int64(i), later()))
	}
	return sessions
}

// mustChange runs a transaction as the writer does.
func mustChange(t *testing.T, s *Store, transact func(*bolt.Tx) error) {
	t.Helper()
	if err := s.change(t.Context(), transact); err != nil {
		t.Fatal(err)
	}
}

// listedNow returns how many sessions the store counts.
func listedNow(t *testing.T, s *Store) (listed int) {
	t.Helper()
	mustChange(t, s, func(*bolt.Tx) error {
		listed = s.listed
		return nil
	})
	return listed
}

// Attack: open unlimited sessions at an issuer that allows it, until the disk is full. A
// deleted session leaves no record and no key of an index.
func TestDeletedSessionsLeaveNothing(t *testing.T) {
	for name, c := range map[string]struct {
		n, subjects int
		want        [4]int
	}{
		"1,001 sessions of one subject leave 1,000":          {store.MaxSessionsOf + 1, 1, [4]int{1000, 1000, 1000, 1000}},
		"5,000 sessions of one subject leave 1,000":          {5000, 1, [4]int{1000, 1000, 1000, 1000}},
		"5,000 sessions of many subjects leave the total":    {5000, 2500, [4]int{1500, 1500, 1500, 1500}},
		"5,000 sessions of two subjects leave the total":     {5000, 2, [4]int{1500, 1500, 1500, 1500}},
		"1,500 sessions of many subjects are all still here": {1500, 700, [4]int{1500, 1500, 1500, 1500}},
	} {
		t.Run(name, func(t *testing.T) {
			s := openLimited(t, freshPath(t), 0, 1500)
			mustSee(t, s, numberedSessions(c.n, c.subjects)...)
			if keys := count(t, s); keys != c.want {
				t.Errorf("%v keys are left, want %v", keys, c.want)
			}
		})
	}
}

// Fault: the count of sessions and the file disagree, and the store deletes too
// many or too few.
func TestTheCountOfSessionsIsThatOfTheFile(t *testing.T) {
	path := freshPath(t)
	s := openLimited(t, path, 5, 60)
	random := rand.New(rand.NewPCG(1, 2))
	now := time.Now()
	for i := range 60 {
		var sessions []store.Session
		for range random.IntN(20) {
			id, subject := strconv.Itoa(random.IntN(200)), strconv.Itoa(random.IntN(30))
			sessions = append(sessions, seen(id, subject, random.Int64N(100), now.Unix()+random.Int64N(100)))
		}
		mustSee(t, s, sessions...)
		switch i % 10 {
		case 3:
			if err := s.Trim(t.Context(), now.Add(time.Duration(random.IntN(50))*time.Second)); err != nil {
				t.Fatal(err)
			}
		case 5:
			failed := errors.New("the disk is full")
			err := s.change(t.Context(), func(tx *bolt.Tx) error {
				return errors.Join(s.recordSeen(tx, numberedSessions(7, 7)), failed)
			})
			if !errors.Is(err, failed) {
				t.Fatalf("the transaction gave %v", err)
			}
		case 7:
			mustClose(t, s)
			s = openLimited(t, path, 5, 60)
		}
		listed := listedNow(t, s)
		if keys := count(t, s); keys != [4]int{listed, listed, listed, listed} || listed > 60 {
			t.Fatalf("in round %d the store counts %d sessions and has %v keys", i, listed, keys)
		}
	}
}

// One transaction deletes a bounded number, because an append may have to wait for
// it.
func TestDeletingIsBounded(t *testing.T) {
	path := freshPath(t)
	s := openAt(t, path)
	mustSee(t, s, numberedSessions(3*deleteSessions, 3*deleteSessions)...)
	mustClose(t, s)
	s = openLimited(t, path, 1, 10)
	left := 3 * deleteSessions
	for i := range 4 {
		mustSee(t, s, seen("new"+strconv.Itoa(i), "new"+strconv.Itoa(i), 1_000_000, later()))
		left = max(left+1-deleteSessions, 10)
		if keys := count(t, s); keys != [4]int{left, left, left, left} {
			t.Errorf("after %d transactions %v keys are left, want %d", i+1, keys, left)
		}
	}
}
