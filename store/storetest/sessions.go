package storetest

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store"
)

const issuer = "https://issuer.example"

// seenAt returns a session that was seen once, at a number of seconds after a
// beginning.
func seenAt(id, subject string, second int64) store.Session {
	return store.Session{
		Issuer: issuer, ID: id, Subject: subject,
		FirstSeen: 1_800_000_000 + second, LastSeen: 1_800_000_000 + second, Expires: later() + second,
	}
}

func mustSee(t *testing.T, s store.Sessions, sessions ...store.Session) {
	t.Helper()
	if err := s.Seen(t.Context(), sessions...); err != nil {
		t.Fatalf("Seen: %v", err)
	}
}

func wantOwner(t *testing.T, s store.Sessions, issuer, id, subject string) {
	t.Helper()
	if got, err := s.Owner(t.Context(), issuer, id); err != nil || got != subject {
		t.Errorf("session %q of %q belongs to %q, %v; want %q", id, issuer, got, err, subject)
	}
}

func wantUnknown(t *testing.T, s store.Sessions, issuer, id string) {
	t.Helper()
	if got, err := s.Owner(t.Context(), issuer, id); !errors.Is(err, store.ErrUnknownSession) {
		t.Errorf("session %q of %q belongs to %q, %v; want ErrUnknownSession", id, issuer, got, err)
	}
}

func mustList(t *testing.T, s store.Sessions, subject string) []store.Session {
	t.Helper()
	sessions, err := s.Of(t.Context(), issuer, subject)
	if err != nil {
		t.Fatalf("Of: %v", err)
	}
	return sessions
}

func owner(t *testing.T, place Place) {
	s := open(t, place)
	mustSee(t, s, seenAt("s1", "alice", 0), seenAt("s2", "bob", 0))
	wantOwner(t, s, issuer, "s1", "alice")
	wantOwner(t, s, issuer, "s2", "bob")
}

func unknownOwner(t *testing.T, place Place) {
	s := open(t, place)
	wantUnknown(t, s, issuer, "s1")
	if sessions := mustList(t, s, "alice"); len(sessions) != 0 {
		t.Errorf("an unknown subject has sessions: %v", sessions)
	}
	if err := s.Seen(t.Context()); err != nil {
		t.Errorf("Seen without sessions: %v", err)
	}
}

// Attack: an issuer that the gate trusts for one application issues the session ids of
// another issuer, to own foreign sessions.
func ownerByIssuer(t *testing.T, place Place) {
	s := open(t, place)
	other := seenAt("s1", "mallory", 0)
	other.Issuer = "https://other.example"
	mustSee(t, s, seenAt("s1", "alice", 0), other)
	wantOwner(t, s, issuer, "s1", "alice")
	wantOwner(t, s, other.Issuer, "s1", "mallory")
	if sessions := mustList(t, s, "mallory"); len(sessions) != 0 {
		t.Errorf("a subject of another issuer has sessions here: %v", sessions)
	}
}

func seenAgain(t *testing.T, place Place) {
	s := open(t, place)
	first, second := seenAt("s1", "alice", 10), seenAt("s1", "alice", 20)
	want := second
	want.FirstSeen = first.FirstSeen
	mustSee(t, s, first)
	mustSee(t, s, second)
	mustSee(t, s, first) // a slow gate's batch comes late
	if got := mustList(t, s, "alice"); !reflect.DeepEqual(got, []store.Session{want}) {
		t.Errorf("listed %v, want %v", got, want)
	}
}

// Attack: ids that hold the store's own separators, to reach the record of another
// session.
func opaqueIDs(t *testing.T, place Place) {
	s := open(t, place)
	ids := []string{
		"a", "a:b", "a\x00b", "a|b", "{a}", "é", "*", " ", "../a", strings.Repeat("x", 256),
	}
	for i, id := range ids {
		mustSee(t, s, seenAt(id, "subject "+id, int64(i)))
	}
	for _, id := range ids {
		wantOwner(t, s, issuer, id, "subject "+id)
		if got := mustList(t, s, "subject "+id); len(got) != 1 || got[0].ID != id {
			t.Errorf("the sessions of %q are %v", "subject "+id, got)
		}
	}
	// issuer "i", id "x" and issuer "ix", id "" must not meet
	mustSee(t, s, store.Session{Issuer: "i", ID: "xy", Subject: "u", FirstSeen: 1, LastSeen: 1, Expires: later()})
	wantUnknown(t, s, "ix", "y")
}

func forgetsSessions(t *testing.T, place Place) {
	s := open(t, place)
	expired := seenAt("s1", "alice", 0)
	expired.Expires = time.Now().Add(-time.Minute).Unix()
	mustSee(t, s, expired, seenAt("s2", "alice", 0))
	wantUnknown(t, s, issuer, "s1")
	wantOwner(t, s, issuer, "s2", "alice")
	if got := mustList(t, s, "alice"); len(got) != 1 || got[0].ID != "s2" {
		t.Errorf("listed %v, want s2 only", got)
	}
	if err := s.Trim(t.Context(), time.Now()); err != nil {
		t.Fatalf("Trim: %v", err)
	}
	wantUnknown(t, s, issuer, "s1")
	wantOwner(t, s, issuer, "s2", "alice")
}

func lists(t *testing.T, place Place) {
	s := open(t, place)
	old, middle, latest := seenAt("old", "alice", 1), seenAt("middle", "alice", 2), seenAt("latest", "alice", 3)
	mustSee(t, s, middle, seenAt("other", "bob", 9), latest, old)
	if got := mustList(t, s, "alice"); !reflect.DeepEqual(got, []store.Session{latest, middle, old}) {
		t.Errorf("listed %v, want the latest first", got)
	}
}

func listsBounded(t *testing.T, place Place) {
	s := open(t, place)
	var sessions []store.Session
	for i := range store.MaxSessionsOf + 10 {
		sessions = append(sessions, seenAt("s"+strconv.Itoa(i), "alice", int64(i)))
	}
	mustSee(t, s, sessions[:500]...)
	mustSee(t, s, sessions[500:]...)
	got := mustList(t, s, "alice")
	if len(got) != store.MaxSessionsOf || got[0].ID != sessions[len(sessions)-1].ID {
		t.Errorf("listed %d sessions beginning with %q, want %d with the latest first",
			len(got), got[0].ID, store.MaxSessionsOf)
	}
}

func changesHands(t *testing.T, place Place) {
	s := open(t, place)
	mustSee(t, s, seenAt("s1", "alice", 0))
	mustSee(t, s, seenAt("s1", "bob", 10))
	wantOwner(t, s, issuer, "s1", "bob")
	if got := mustList(t, s, "alice"); len(got) != 0 {
		t.Errorf("the former owner still has %v", got)
	}
	if got := mustList(t, s, "bob"); len(got) != 1 {
		t.Errorf("the new owner has %v", got)
	}
}

func sessionsComeBack(t *testing.T, place Place) {
	s := open(t, place)
	mustSee(t, s, seenAt("s1", "alice", 0))
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	again := open(t, place)
	if !place.Durable {
		wantUnknown(t, again, issuer, "s1")
		return
	}
	wantOwner(t, again, issuer, "s1", "alice")
	if got := mustList(t, again, "alice"); len(got) != 1 {
		t.Errorf("listed %v, want one session", got)
	}
}
