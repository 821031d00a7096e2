package sessions_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/sessions"
)

func idsOf(t *testing.T, r *sessions.Registry, subject string) (ids []string) {
	t.Helper()
	list, err := r.Of(t.Context(), issuer, subject)
	if err != nil {
		t.Fatalf("Of: %v", err)
	}
	for _, s := range list {
		ids = append(ids, s.ID)
	}
	return ids
}

func wantIDs(t *testing.T, r *sessions.Registry, subject string, want ...string) {
	t.Helper()
	if got := idsOf(t, r, subject); !slices.Equal(got, want) {
		t.Errorf("the sessions of %q are %q, want %q", subject, got, want)
	}
}

func TestSessionsOfASubjectAreListedHereAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		here, there := start(t, shared), start(t, shared)
		begin := time.Now().Unix()
		here.Note(issuer, "old", "alice", begin)
		time.Sleep(10 * time.Second)
		here.Note(issuer, "new", "alice", begin+10)
		here.Note(issuer, "bobs", "bob", begin+10)
		here.Note("https://b", "foreign", "alice", begin+10)
		wantIDs(t, here, "alice", "new", "old")
		wantIDs(t, there, "alice", "old")
		time.Sleep(time.Second)
		wantIDs(t, there, "alice", "new", "old")
		wantIDs(t, here, "nobody")
	})
}

// racing is a store whose Of first calls a function of the test.
type racing struct {
	store.Sessions
	before func()
}

func (r racing) Of(ctx context.Context, issuer, subject string) ([]store.Session, error) {
	r.before()
	return r.Sessions.Of(ctx, issuer, subject)
}

// Fault: a session that is being written is neither pending nor in the store, and is
// missing from the list for a moment.
func TestASessionOnItsWayToTheStoreIsListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		r := start(t, racing{shared, func() { time.Sleep(time.Second) }})
		r.Note(issuer, "s", "alice", time.Now().Unix())
		wantIDs(t, r, "alice", "s")
	})
}

// Attack: a session id belonged to another user until a moment ago, and is still listed
// for that user.
func TestASessionOfAnotherSubjectIsNotListed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		r := start(t, shared)
		r.Note(issuer, "s", "alice", time.Now().Unix())
		time.Sleep(time.Hour)
		r.Note(issuer, "s", "bob", time.Now().Unix())
		wantIDs(t, r, "alice")
		wantIDs(t, r, "bob", "s")
	})
}

func TestAnUnavailableStoreIsAnErrorAndNoEmptyList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := errors.New("connection refused")
		r := start(t, failing{newStore(), away})
		r.Note(issuer, "s", "alice", time.Now().Unix())
		if list, err := r.Of(t.Context(), issuer, "alice"); !errors.Is(err, away) {
			t.Errorf("listed %v, %v; want the store's error", list, err)
		}
	})
}

type failing struct {
	store.Sessions
	err error
}

func (f failing) Of(context.Context, string, string) ([]store.Session, error) { return nil, f.err }

// Invariant 12: a subject with more sessions than are ever listed.
func TestTheListOfSessionsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newStore())
		begin := time.Now().Unix()
		for i := range int64(store.MaxSessionsOf + 500) {
			r.Note(issuer, strconv.FormatInt(i, 10), "u", begin+i)
		}
		ids := idsOf(t, r, "u")
		if len(ids) != store.MaxSessionsOf || ids[0] != strconv.Itoa(store.MaxSessionsOf+499) {
			t.Errorf("%d sessions from %q on, want the newest %d", len(ids), ids[0], store.MaxSessionsOf)
		}
	})
}

// Attack: all tokens up to an instant are revoked, but the issuer still continues the
// session. The session is in no list because it was noted a moment before.
func TestASessionIsNotedAgainAfterAnInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		r := start(t, shared)
		begin := time.Now().Unix()
		seen := func() store.Session {
			list, err := r.Of(t.Context(), issuer, "alice")
			if err != nil || len(list) != 1 {
				t.Fatalf("listed %v, %v", list, err)
			}
			return list[0]
		}
		r.Note(issuer, "s", "alice", begin)
		for _, written := range []bool{false, true} {
			if written {
				time.Sleep(time.Minute)
			}
			now := time.Now().Unix() + 10
			r.NoteAfter(issuer, "s", "alice", now-3, begin-5)
			if got := seen(); got.LastSeen >= now {
				t.Errorf("written %t: noted again although it was noted after the instant", written)
			}
			r.NoteAfter(issuer, "s", "alice", now, now-1)
			if got := seen(); got.LastSeen != now || got.FirstSeen != begin {
				t.Errorf("written %t: seen from %d to %d, want %d to %d", written, got.FirstSeen, got.LastSeen, begin, now)
			}
		}
	})
}
