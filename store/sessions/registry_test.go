package sessions_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/sessions"
)

const issuer = "https://a"

// counted is a store of sessions that counts what is written, and fails while
// err is set.
type counted struct {
	store.Sessions
	mu      sync.Mutex
	written int
	largest int
	err     error
}

func (c *counted) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

func (c *counted) writes() (written, largest int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.written, c.largest
}

func (c *counted) Seen(ctx context.Context, sessions ...store.Session) error {
	c.mu.Lock()
	err := c.err
	if err == nil {
		c.written += len(sessions)
		c.largest = max(c.largest, len(sessions))
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.Sessions.Seen(ctx, sessions...)
}

func (c *counted) Owner(ctx context.Context, issuer, session string) (string, error) {
	c.mu.Lock()
	err := c.err
	c.mu.Unlock()
	if err != nil {
		return "", err
	}
	return c.Sessions.Owner(ctx, issuer, session)
}

func newStore() *counted { return &counted{Sessions: memstore.New(nil)} }

func start(t *testing.T, s store.Sessions) *sessions.Registry {
	t.Helper()
	r := sessions.New(s, sessions.Options{Life: 24 * time.Hour})
	t.Cleanup(r.Close)
	return r
}

func wantOwner(t *testing.T, r *sessions.Registry, session, want string) {
	t.Helper()
	if err := r.Owned(t.Context(), issuer, session, is(want)); err != nil {
		t.Errorf("session %q is not %q's: %v", session, want, err)
	}
	if err := r.Owned(t.Context(), issuer, session, is("not "+want)); err == nil {
		t.Errorf("session %q is accepted for another subject than %q", session, want)
	}
}

func wantUnknown(t *testing.T, r *sessions.Registry, session string) {
	t.Helper()
	if err := r.Owned(t.Context(), issuer, session, anybody); !errors.Is(err, store.ErrUnknownSession) {
		t.Errorf("session %q: %v; want ErrUnknownSession", session, err)
	}
}

func is(want string) func(string) bool { return func(subject string) bool { return subject == want } }

func anybody(string) bool { return true }

func TestASessionIsKnownHereAtOnceAndToTheFleetWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		here, there := start(t, shared), start(t, shared)
		wantUnknown(t, here, "s")
		here.Note(issuer, "s", "alice", time.Now().Unix())
		wantOwner(t, here, "s", "alice")
		wantUnknown(t, there, "s")
		time.Sleep(time.Second)
		wantOwner(t, there, "s", "alice")
		wantOwner(t, here, "s", "alice")
	})
}

// Attack: while the store is unavailable, try ids to learn which sessions were seen here
// since. The answer for another user's pending session must not differ from the answer for
// an unknown one.
func TestAForeignSessionIsAsUnknownAsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		r := start(t, shared)
		ask := func(session string) string {
			return fmt.Sprint(r.Owned(t.Context(), issuer, session, is("mallory")))
		}
		away := errors.New("connection refused")
		for _, err := range []error{nil, away} {
			shared.fail(err)
			r.Note(issuer, fmt.Sprint("alices ", err), "alice", time.Now().Unix())
			if foreign, none := ask(fmt.Sprint("alices ", err)), ask("nobody's"); foreign != none {
				t.Errorf("with the store's error %v: another user's session gives %q, an unknown one %q", err, foreign, none)
			}
			r.Note(issuer, fmt.Sprint("mallorys ", err), "mallory", time.Now().Unix())
			wantOwner(t, r, fmt.Sprint("mallorys ", err), "mallory")
		}
	})
}

func TestASessionThatStaysIsWrittenAtMostOnceAQuarterOfAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		r := start(t, shared)
		const minutes = 120
		for range minutes * 6 {
			r.Note(issuer, "s", "alice", time.Now().Unix()) // as for each new token
			time.Sleep(10 * time.Second)
		}
		written, _ := shared.writes()
		if written > minutes/15+1 {
			t.Errorf("written %d times in %d minutes", written, minutes)
		}
		if written < minutes/30 {
			t.Errorf("written only %d times in %d minutes, so it would be forgotten", written, minutes)
		}
	})
}

// Fault: a noted session continues without being written again, and is forgotten while its
// last token is valid. Then it could no longer be ended.
func TestASessionIsForgottenAfterTheLifeOfItsTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, newStore())
		r.Note(issuer, "s", "alice", time.Now().Unix())
		time.Sleep(14 * time.Minute)
		r.Note(issuer, "s", "alice", time.Now().Unix())
		time.Sleep(24 * time.Hour)
		wantOwner(t, r, "s", "alice")
		time.Sleep(30 * time.Minute)
		wantUnknown(t, r, "s")
	})
}

func TestSessionsThatCouldNotBeWrittenAreRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		here, there := start(t, shared), start(t, shared)
		shared.fail(errors.New("connection refused"))
		here.Note(issuer, "s", "alice", time.Now().Unix())
		time.Sleep(time.Minute)
		wantOwner(t, here, "s", "alice")
		shared.fail(nil)
		wantUnknown(t, there, "s")
		time.Sleep(time.Second)
		wantOwner(t, there, "s", "alice")
	})
}

// Attack or fault: the store is unavailable, and the number of sessions grows without
// limit (invariant 12).
func TestWhatWaitsForTheStoreIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 100_000
		shared := newStore()
		shared.fail(errors.New("connection refused"))
		r := start(t, shared)
		refused := -1
		for i := range n {
			if !r.Note(issuer, strconv.Itoa(i), "u", time.Now().Unix()) {
				refused = i
				break
			}
		}
		if refused != 1<<16 {
			t.Fatalf("session %d was the first without room, want %d", refused, 1<<16)
		}
		shared.fail(nil)
		time.Sleep(time.Second)
		if !r.Note(issuer, strconv.Itoa(refused), "u", time.Now().Unix()) {
			t.Error("there is no room although the store accepted the pending sessions")
		}
		time.Sleep(time.Second)
		wantOwner(t, r, strconv.Itoa(refused), "u")
		if written, largest := shared.writes(); written != refused+1 || largest > 1024 {
			t.Errorf("written %d sessions, at most %d at once; want %d and 1024", written, largest, refused+1)
		}
	})
}

func TestClosingWritesWhatIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := newStore()
		var log bytes.Buffer
		r := sessions.New(shared, sessions.Options{
			Life: time.Hour, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		for i := range 3000 {
			r.Note(issuer, strconv.Itoa(i), "u", time.Now().Unix())
		}
		synctest.Wait() // until the writer waits for more
		r.Close()
		if written, _ := shared.writes(); written != 3000 {
			t.Errorf("%d sessions were written, want 3000", written)
		}
		if log.Len() > 0 {
			t.Errorf("an orderly end was logged: %s", &log)
		}
	})
}

func TestDueAfterAQuarterOfAnHour(t *testing.T) {
	now := int64(1_800_000_000)
	for noted, want := range map[int64]bool{0: true, now: false, now - 899: false, now - 900: true, now + 5: false} {
		if got := sessions.Due(noted, now); got != want {
			t.Errorf("noted %d s ago: due %t, want %t", now-noted, got, want)
		}
	}
}
