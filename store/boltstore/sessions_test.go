package boltstore

import (
	"bytes"
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/sessiongate/sessiongate/store"
)

const issuer = "https://issuer.example"

func seen(id, subject string, lastSeen, expires int64) store.Session {
	return store.Session{
		Issuer: issuer, ID: id, Subject: subject, FirstSeen: lastSeen, LastSeen: lastSeen, Expires: expires,
	}
}

func mustSee(t testing.TB, s *Store, sessions ...store.Session) {
	t.Helper()
	if err := s.Seen(t.Context(), sessions...); err != nil {
		t.Fatalf("Seen: %v", err)
	}
}

// count returns the number of keys of sessions: records, by subject, by expiry, and in the
// index of all.
func count(t *testing.T, s *Store) (keys [4]int) {
	t.Helper()
	err := s.view(t.Context(), func(tx *bolt.Tx) error {
		b := bucketsOf(tx)
		for i, bucket := range []*bolt.Bucket{b.sessions, b.subjects, b.expiries} {
			keys[i] = bucket.Stats().KeyN
		}
		return b.subjects.ForEach(func(key, _ []byte) error {
			if bytes.HasPrefix(key, allSessions) {
				keys[1]--
				keys[3]++
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func TestSessionHasOneKeyInEachIndex(t *testing.T) {
	s := openAt(t, freshPath(t))
	for i := range int64(50) {
		mustSee(t, s, seen("s", "subject "+strconv.FormatInt(i%3, 10), i%7, later()+i%5))
		if keys := count(t, s); keys != [4]int{1, 1, 1, 1} {
			t.Fatalf("after %d times, one session has %v keys", i+1, keys)
		}
	}
}

func TestExpiredSessionsLeaveNothing(t *testing.T) {
	m := newMachine()
	s := m.open(t, freshPath(t))
	now := m.wall
	var sessions []store.Session
	for i := range int64(2*forgetSessions + 2) {
		sessions = append(sessions, seen(strconv.FormatInt(i, 10), strconv.FormatInt(i%9, 10), i, now.Unix()-i%100))
	}
	sessions[7].Expires = now.Unix() + 1
	sessions[8].Expires = math.MaxInt64
	mustSee(t, s, sessions...)
	before := commits(t, s)
	if err := s.Trim(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if n := commits(t, s) - before; n != 2 {
		t.Errorf("forgetting took %d commits, want 2, and none for the log", n)
	}
	if keys := count(t, s); keys != [4]int{2, 2, 2, 2} {
		t.Errorf("two sessions are left, and %v keys", keys)
	}
	m.pass(time.Second)
	if err := s.Trim(t.Context(), m.wall); err != nil {
		t.Fatal(err)
	}
	if keys := count(t, s); keys != [4]int{1, 1, 1, 1} {
		t.Errorf("one session is left, and %v keys", keys)
	}
}

// Fault: one call of Seen with very many sessions becomes one transaction, which all other
// calls wait for.
func TestSeenIsBounded(t *testing.T) {
	s := openAt(t, freshPath(t))
	sessions := make([]store.Session, 2*seenSessions+1)
	for i := range sessions {
		sessions[i] = seen(strconv.Itoa(i), "u", int64(i), later())
	}
	before := commits(t, s)
	mustSee(t, s, sessions...)
	if n := commits(t, s) - before; n != 3 {
		t.Errorf("%d sessions took %d commits, want 3", len(sessions), n)
	}
}

func TestSessionsExpireByTheClock(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	s, err := Open(Options{Path: freshPath(t), Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer mustClose(t, s)
	mustSee(t, s, seen("s", "u", now.Unix(), now.Unix()+60))
	for after, want := range map[time.Duration]bool{0: true, 59 * time.Second: true, time.Minute: false, time.Hour: false} {
		now = time.Unix(1_800_000_000, 0).Add(after)
		subject, err := s.Owner(t.Context(), issuer, "s")
		if want != (subject == "u") || !want != errors.Is(err, store.ErrUnknownSession) {
			t.Errorf("after %v the owner is %q, %v", after, subject, err)
		}
		if of, err := s.Of(t.Context(), issuer, "u"); err != nil || want != (len(of) == 1) {
			t.Errorf("after %v the list is %v, %v", after, of, err)
		}
	}
}

func TestTimesBefore1970AreRefused(t *testing.T) {
	s := openAt(t, freshPath(t))
	good := seen("good", "u", 1, later())
	for _, bad := range []store.Session{
		{Issuer: issuer, ID: "s", FirstSeen: -1, LastSeen: 1, Expires: later()},
		{Issuer: issuer, ID: "s", FirstSeen: 1, LastSeen: -1, Expires: later()},
		{Issuer: issuer, ID: "s", FirstSeen: 1, LastSeen: 1, Expires: math.MinInt64},
	} {
		if err := s.Seen(t.Context(), good, bad); err == nil {
			t.Errorf("Seen accepted %+v", bad)
		}
	}
	if keys := count(t, s); keys != [4]int{} {
		t.Errorf("refused sessions left %v keys", keys)
	}
}

func TestSessionRecord(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, want := range []store.Session{
		{},
		seen("s", "u", 1_800_000_000, 1_800_000_060),
		{Issuer: long, ID: "\x00\xff", Subject: "é", FirstSeen: 0, LastSeen: math.MaxInt64, Expires: 1},
	} {
		value := marshalSession(want)
		if got, err := unmarshalSession(value); err != nil || got != want {
			t.Errorf("read back %+v, %v; want %+v", got, err, want)
		}
		for n := range value {
			if got, err := unmarshalSession(value[:n]); !errors.Is(err, store.ErrDamaged) {
				t.Fatalf("the first %d bytes of a record read as %+v, %v", n, got, err)
			}
			cut := sealed(append([]byte(nil), value[:max(n, sumSize)]...))
			if got, err := unmarshalSession(cut); !errors.Is(err, store.ErrDamaged) {
				t.Fatalf("a record that ends after %d bytes read as %+v, %v", n, got, err)
			}
		}
		if got, err := unmarshalSession(sealed(append(value, 0))); !errors.Is(err, store.ErrDamaged) {
			t.Errorf("a record with a tail read as %+v, %v", got, err)
		}
	}
}

// Attack, or a bad disk: the subject in a record has changed, so that the other subject
// could end the session. The session has no owner then.
func TestADamagedRecordHasNoOwner(t *testing.T) {
	s := openAt(t, freshPath(t))
	mustSee(t, s, seen("s", "alice", 1, later()))
	err := s.change(t.Context(), func(tx *bolt.Tx) error {
		sessions, id := tx.Bucket([]byte(bucketSessions)), sessionKey(issuer, "s")
		return sessions.Put(id, []byte(strings.Replace(string(sessions.Get(id)), "alice", "malic", 1)))
	})
	if err != nil {
		t.Fatal(err)
	}
	if subject, err := s.Owner(t.Context(), issuer, "s"); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("the owner is %q, %v; want ErrDamaged", subject, err)
	}
	if of, err := s.Of(t.Context(), issuer, "alice"); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("the list is %v, %v; want ErrDamaged", of, err)
	}
}
