package hub_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/hub/hubtest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// An expiry is rounded up, so that a repeat soon after does not move it. It is never
// earlier than necessary, and at most an hour later.
func TestExpiriesAreRoundedUp(t *testing.T) {
	for name, c := range map[string]struct{ retention, step time.Duration }{
		"a day, by a 64th":             {24 * time.Hour, 22*time.Minute + 30*time.Second},
		"an hour, by a minute":         {time.Hour, time.Minute},
		"ten seconds, by a minute":     {10 * time.Second, time.Minute},
		"ninety days, by an hour":      {90 * 24 * time.Hour, time.Hour},
		"two minutes more than a 64th": {130 * time.Minute, 130 * time.Minute / 64},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { testExpiries(t, c.retention, c.step) })
		})
	}
}

func testExpiries(t *testing.T, retention, step time.Duration) {
	h := newOpen(t, replica.Options{Retention: retention}, memstore.New(nil))
	if got := hub.RoundTo(retention); got != step {
		t.Errorf("rounded up to %v, want %v", got, step)
	}
	least := retention + 2*hub.MaxLeeway + store.ClockSkew
	now, ends, last := time.Unix(1_800_000_000, 0), make(map[int64]bool), int64(0)
	for range 10_000 {
		now = now.Add(step / 100)
		expires := h.Expires(now)
		if late := time.Unix(expires, 0).Sub(now.Add(least)); late < 0 || late > step {
			t.Fatalf("%v later than it has to be, want 0 to %v", late, step)
		}
		if expires < last {
			t.Fatalf("a later revocation expires sooner, by %d s", last-expires)
		}
		ends[expires], last = true, expires
	}
	if n := len(ends); n < 99 || n > 102 {
		t.Errorf("a hundred steps have %d expiries, want one for each", n)
	}
}

// Invariant 5: a login right after a revocation up to a second must not be refused. So the
// answer waits for the end of that second.
func TestTheSecondOfAnInstantIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			ahead  int64
			within time.Duration
			most   time.Duration
		}{
			"this second":                       {0, time.Hour, time.Second},
			"one that is over":                  {-1, time.Hour, 0},
			"a caller that goes":                {60, time.Second / 2, time.Second / 2},
			"a clock that was set back far":     {int64(24 * time.Hour / time.Second), time.Hour, hub.MaxLeeway + time.Second},
			"an issuer whose clock is ahead":    {30, time.Hour, 31 * time.Second},
			"an issuer ahead by all the leeway": {300, time.Hour, 301 * time.Second},
		} {
			began := time.Now()
			second := began.Unix() + c.ahead
			ctx, cancel := context.WithTimeout(t.Context(), c.within)
			hub.AwaitAfter(ctx, second)
			cancel()
			took := time.Since(began)
			if took > c.most || c.within > c.most && c.ahead <= 300 && time.Now().Unix() <= second {
				t.Errorf("%s: returned after %v, want %v at the most and after the second", name, took, c.most)
			}
		}
	})
}

// Fault: with a retention of 30 days, a store fills with sessions whose tokens have long
// expired, and the list shows them. Or a session is forgotten while its token is accepted,
// and can no longer be ended by its id.
func TestASessionIsRememberedForTheLifeOfItsTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{Namespace: "orders"})
		defer h.Close()
		o := hub.Settings{Options: replica.Options{Retention: 720 * time.Hour, Clock: hubtest.Bubble{}}, SessionLife: time.Hour}
		open := func(*slog.Logger) (store.Backend, error) { return memstore.New(nil), nil }
		check := func(session string, after time.Duration, want int) {
			t.Helper()
			time.Sleep(after)
			known, err := h.SessionsOf(t.Context(), "i", session)
			if err != nil || len(known) != want {
				t.Errorf("the sessions are %v, error %v; want %d", known, err, want)
			}
		}
		see := func(session string) {
			t.Helper()
			if err := h.Open(o, open); err != nil {
				t.Fatal(err)
			}
			_, set := h.Store()
			<-set.Synced()
			h.Note(new(store.Keys), store.Session{Issuer: "i", ID: session, Subject: session, LastSeen: time.Now().Unix()})
			check(session, time.Second, 1)
		}
		see("laptop")
		check("laptop", time.Hour-2*time.Second, 1)
		check("laptop", 31*time.Minute, 0)
		o.SessionLife = 2 * time.Hour // as after a reload
		see("phone")
		check("phone", 2*time.Hour-2*time.Second, 1)
		check("phone", 31*time.Minute, 0)
	})
}
