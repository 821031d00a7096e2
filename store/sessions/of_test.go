package sessions_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/sessions"
)

// A session that was admitted a moment ago, and is not in the store yet, is listed
// with the others; each once, and nobody else's.
func TestTheSessionsOfASubjectAreThoseOfStoreAndGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		local := memstore.New(nil)
		t.Cleanup(func() { _ = local.Close() })
		c := &counted{Sessions: local}
		r := sessions.New(c, sessions.Options{Retention: time.Hour})
		t.Cleanup(r.Close)
		now := time.Now().Unix()
		r.Note(issuer, "written", "alice", now)
		time.Sleep(time.Second)
		c.fail(errors.New("away"))
		r.Note(issuer, "waiting", "alice", now+10)
		r.Note(issuer, "another's", "bob", now+10)
		r.Note("https://b", "another issuer's", "alice", now+10)
		c.fail(nil)
		of, err := r.Of(t.Context(), issuer, "alice")
		if err != nil || len(of) != 2 || of[0].ID != "waiting" || of[1].ID != "written" {
			t.Errorf("listed as %+v, error %v", of, err)
		}
		time.Sleep(time.Second)
		if of, err := r.Of(t.Context(), issuer, "alice"); err != nil || len(of) != 2 {
			t.Errorf("once written, listed as %+v, error %v", of, err)
		}
	})
}

// Invariant 12 (DESIGN): the list is bounded, whatever waits.
func TestTheSessionsOfASubjectAreBounded(t *testing.T) {
	local := memstore.New(nil)
	t.Cleanup(func() { _ = local.Close() })
	r := sessions.New(local, sessions.Options{Retention: time.Hour})
	t.Cleanup(r.Close)
	now := time.Now().Unix()
	for i := range store.MaxSessionsOf + 500 {
		r.Note(issuer, fmt.Sprint(i), "alice", now)
	}
	if of, err := r.Of(t.Context(), issuer, "alice"); err != nil || len(of) != store.MaxSessionsOf {
		t.Errorf("%d sessions are listed, error %v", len(of), err)
	}
	if err := local.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Of(t.Context(), issuer, "alice"); !errors.Is(err, store.ErrClosed) {
		t.Errorf("with a closed store: %v", err)
	}
}
