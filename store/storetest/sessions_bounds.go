package storetest

import (
	"reflect"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/sessiongate/sessiongate/store"
)

var boundsOfSessions = []contractTest{
	{"of 1,001 sessions of a subject 1,000 are kept, and the oldest goes", boundsSubject},
	{"a session that comes late and is the oldest goes itself", boundsLateSession},
	{"a session that is seen again is not the oldest any more", boundsSeenAgain},
	{"one subject's sessions do not push out those of others", boundsSubjectFirst},
	{"the sessions of a namespace are bounded, and the oldest go", boundsNamespace},
	{"a session that changed hands counts for its new subject only", boundsChangedHands},
	{"a deleted session is known again when it is seen again", boundsComeBack},
	{"a deleted session stays revoked", boundsKeepRevocations},
	{"many sessions in one call are bounded", boundsOneCall},
	{"concurrent calls keep the bounds", boundsConcurrentCalls},
	{"the bounds hold when the store is opened again", boundsOpenedAgain},
	{"lower limits are reached while sessions are seen", boundsLowered},
}

// limited opens the store of the place with limits and closes it at the end of the
// test.
func limited(t *testing.T, place Place, subject, total int) store.Backend {
	t.Helper()
	if place.Limited == nil {
		t.Fatal("the place cannot open a store with limits; set Place.Limited")
	}
	s := place.Limited(t, store.SessionLimits{Subject: subject, Total: total})
	t.Cleanup(func() { _ = s.Close() }) // the test may have closed it already
	return s
}

// several returns the sessions of a subject that are seen at each second of a range,
// each named by the subject and its second.
func several(subject string, from, until int64) (sessions []store.Session) {
	for second := from; second < until; second++ {
		sessions = append(sessions, seenAt(subject+strconv.FormatInt(second, 10), subject, second))
	}
	return sessions
}

// wantKept checks that the sessions are known or, with kept false, unknown, and that no
// unknown one is listed.
func wantKept(t *testing.T, s store.Sessions, kept bool, sessions ...store.Session) {
	t.Helper()
	for _, session := range sessions {
		if !kept {
			wantUnknown(t, s, session.Issuer, session.ID)
		} else {
			wantOwner(t, s, session.Issuer, session.ID, session.Subject)
		}
		same := func(s store.Session) bool { return s.ID == session.ID }
		if listed := slices.ContainsFunc(mustList(t, s, session.Subject), same); listed != kept {
			t.Errorf("session %q: listed %t, want %t", session.ID, listed, kept)
		}
	}
}

// Attack: open unlimited sessions at an issuer that allows it. Each record stays in the
// store until it expires, and fills its memory.
func boundsSubject(t *testing.T, place Place) {
	s := open(t, place)
	sessions := several("alice", 0, store.MaxSessionsOf+1)
	mustSee(t, s, seenAt("bobs", "bob", 0))
	mustSee(t, s, sessions[:500]...)
	mustSee(t, s, sessions[500:]...)
	for _, session := range sessions[1:] {
		wantOwner(t, s, issuer, session.ID, "alice")
	}
	wantKept(t, s, false, sessions[0])
	wantOwner(t, s, issuer, "bobs", "bob")
	want := slices.Clone(sessions[1:])
	slices.Reverse(want)
	if got := mustList(t, s, "alice"); !reflect.DeepEqual(got, want) {
		t.Errorf("listed %d sessions, want the %d seen last", len(got), len(want))
	}
}

func boundsLateSession(t *testing.T, place Place) {
	s := limited(t, place, 3, 100)
	kept := several("alice", 10, 13)
	mustSee(t, s, kept...)
	late := seenAt("late", "alice", 1)
	mustSee(t, s, late)
	wantKept(t, s, false, late)
	wantKept(t, s, true, kept...)
}

func boundsSeenAgain(t *testing.T, place Place) {
	s := limited(t, place, 3, 4)
	sessions := several("alice", 0, 3)
	mustSee(t, s, sessions...)
	again := sessions[0]
	again.LastSeen += 10
	mustSee(t, s, again)
	mustSee(t, s, seenAt("new", "alice", 11))
	wantKept(t, s, false, sessions[1])
	wantKept(t, s, true, again, sessions[2])
	mustSee(t, s, seenAt("bobs", "bob", 12), seenAt("carols", "carol", 13))
	wantKept(t, s, false, sessions[2])
	wantKept(t, s, true, again)
}

// Attack: use one account at an issuer that allows unlimited sessions, and push the
// sessions of all other users out of the store. Then they can neither be ended nor listed.
func boundsSubjectFirst(t *testing.T, place Place) {
	s := limited(t, place, 3, 10)
	var others []store.Session
	for i := range int64(7) {
		others = append(others, seenAt("other"+strconv.FormatInt(i, 10), "user"+strconv.FormatInt(i, 10), i))
	}
	mustSee(t, s, others...)
	mallorys := several("mallory", 100, 600)
	for some := range slices.Chunk(mallorys, 7) {
		mustSee(t, s, some...)
	}
	wantKept(t, s, true, others...)
	wantKept(t, s, true, mallorys[len(mallorys)-3:]...)
	wantKept(t, s, false, mallorys[:20]...)
	foreign := seenAt("mallory0", "mallory", 0)
	foreign.Issuer = "https://other.example"
	mustSee(t, s, foreign) // the same name at another issuer is another subject
	wantKept(t, s, true, mallorys[len(mallorys)-3:]...)
}

func boundsNamespace(t *testing.T, place Place) {
	s := limited(t, place, 3, 5)
	var sessions []store.Session
	for i := range int64(20) {
		sessions = append(sessions, seenAt("s"+strconv.FormatInt(i, 10), "u"+strconv.FormatInt(i, 10), i))
	}
	for i, session := range sessions {
		mustSee(t, s, session)
		wantKept(t, s, false, sessions[:max(0, i-4)]...)
		wantKept(t, s, true, sessions[max(0, i-4):i+1]...)
	}
}

// Attack: take over another user's session and push it out, or make it push out one's own.
func boundsChangedHands(t *testing.T, place Place) {
	s := limited(t, place, 3, 100)
	alices := several("alice", 0, 3)
	mustSee(t, s, alices...)
	moved := seenAt("alice0", "bob", 10)
	mustSee(t, s, moved)
	moved.FirstSeen = alices[0].FirstSeen
	mustSee(t, s, seenAt("one more", "alice", 11))
	wantKept(t, s, true, append(alices[1:], moved)...)
	mustSee(t, s, several("alice", 20, 40)...)
	wantKept(t, s, true, moved)
	mustSee(t, s, several("bob", 20, 23)...)
	wantKept(t, s, false, moved)
}

func boundsComeBack(t *testing.T, place Place) {
	s := limited(t, place, 2, 100)
	sessions := several("alice", 0, 3)
	mustSee(t, s, sessions...)
	wantKept(t, s, false, sessions[0])
	again := seenAt(sessions[0].ID, "alice", 10)
	mustSee(t, s, again)
	wantKept(t, s, true, again, sessions[2])
	wantKept(t, s, false, sessions[1])
}

// Attack: log out, then open sessions until the store has forgotten the ended one. The
// store forgets the owner, never the revocation.
func boundsKeepRevocations(t *testing.T, place Place) {
	s := limited(t, place, 1, 1)
	revoked := session("alice0", later())
	mustSee(t, s, several("alice", 0, 1)...)
	mustAppend(t, s, revoked)
	mustSee(t, s, several("alice", 1, 50)...)
	mustSee(t, s, several("bob", 50, 51)...)
	wantUnknown(t, s, issuer, "alice0")
	if entries := readAll(t, s, store.Position{}); len(entries) != 1 || !reflect.DeepEqual(entries[0].Revocations, []store.Revocation{revoked}) {
		t.Errorf("the log holds %+v, want the one revocation", entries)
	}
}

func boundsOneCall(t *testing.T, place Place) {
	s := limited(t, place, 10, 25)
	var sessions []store.Session
	for i := range int64(700) {
		subject := "u" + strconv.FormatInt(i%4, 10)
		sessions = append(sessions, seenAt(subject+" "+strconv.FormatInt(i, 10), subject, i))
	}
	mustSee(t, s, sessions...)
	wantKept(t, s, true, sessions[len(sessions)-25:]...)
	wantKept(t, s, false, sessions[len(sessions)-100:len(sessions)-25]...)
}

func boundsConcurrentCalls(t *testing.T, place Place) {
	s := limited(t, place, 5, 20)
	var wait sync.WaitGroup
	for gate := range int64(8) {
		wait.Go(func() {
			for i := range int64(40) {
				subject := "u" + strconv.FormatInt((gate+i)%6, 10)
				if err := s.Seen(t.Context(), several(subject, 10*i, 10*i+4)...); err != nil {
					t.Errorf("Seen: %v", err)
				}
			}
		})
	}
	wait.Wait()
	total := 0
	for i := range 6 {
		of := mustList(t, s, "u"+strconv.Itoa(i))
		if total += len(of); len(of) > 5 {
			t.Errorf("a subject has %d sessions, want at most 5", len(of))
		}
	}
	if total > 20 {
		t.Errorf("the namespace has %d sessions, want at most 20", total)
	}
	latest := several("u9", 1000, 1005)
	mustSee(t, s, latest...)
	wantKept(t, s, true, latest...)
}

func boundsOpenedAgain(t *testing.T, place Place) {
	s := limited(t, place, 3, 5)
	alices, bobs := several("alice", 0, 3), several("bob", 10, 12)
	mustSee(t, s, slices.Concat(alices, bobs)...)
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	again := limited(t, place, 3, 5)
	latest := several("bob", 20, 21)
	mustSee(t, again, latest...)
	if place.Durable {
		wantKept(t, again, true, slices.Concat(alices[1:], bobs)...)
	}
	wantKept(t, again, false, alices[0])
	wantKept(t, again, true, latest...)
}

func boundsLowered(t *testing.T, place Place) {
	s := limited(t, place, 100, 100)
	before := slices.Concat(several("alice", 0, 40), several("bob", 40, 43))
	mustSee(t, s, before...)
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	again := limited(t, place, 3, 5)
	for i := range int64(60) {
		mustSee(t, again, several("alice", 100+i, 101+i)...)
	}
	wantKept(t, again, false, before[:41]...)
	wantKept(t, again, true, several("alice", 157, 160)...)
	latest := append(several("carol", 200, 202), several("dave", 210, 211)...)
	mustSee(t, again, latest...)
	wantKept(t, again, false, append(before, several("alice", 157, 158)...)...)
	wantKept(t, again, true, append(latest, several("alice", 158, 160)...)...)
}
