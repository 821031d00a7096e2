package hub_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/hub/hubtest"
	"github.com/sessiongate/sessiongate/caddymodule/streams"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// good returns the keys of a token that nothing revokes.
func good() *store.Keys {
	return &store.Keys{Session: sessionKey, IssuedAt: time.Now().Unix(), Expires: inAnHour()}
}

// Invariant 7: a hub whose store is not open admits nothing, and reports a failure as a
// failure. Callers need not test for it. The same holds after Close.
func TestAHubThatIsNotOpenAdmitsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := newOpen(t, replica.Options{}, memstore.New(nil))
		if err := opened.Close(); err != nil {
			t.Fatal(err)
		}
		for name, h := range map[string]*hub.Hub{"before Open": hub.New(hub.Options{}), "after Close": opened.Hub} {
			if verdict := h.Check(good(), time.Now()); verdict != replica.Unavailable {
				t.Errorf("%s: Check says %v", name, verdict)
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			if running, verdict := enter(h, r); running != nil || verdict != replica.Unavailable {
				t.Errorf("%s: Enter says %v", name, verdict)
			}
			revocation := store.Revocation{Kind: store.KindSession, Key: store.Key{7}, Expires: inAnHour()}
			calls := map[string]error{
				"Revoke": h.Revoke(t.Context(), hub.Cause{}, revocation),
				"Mark":   h.Mark(t.Context(), revocation),
				"Owned":  h.Owned(t.Context(), "i", "s", func(string) bool { return true }),
				"Learn":  h.Tokens().Learn(t.Context(), store.Grant{Token: tokenKey, Families: ofSession, Expires: inAnHour()}),
			}
			_, calls["SessionsOf"] = h.SessionsOf(t.Context(), "i", "alice")
			_, calls["Known"] = h.Tokens().Known(t.Context(), tokenKey)
			_, calls["Members"] = h.Tokens().Members(t.Context(), sessionKey)
			for call, err := range calls {
				if err == nil || errors.Is(err, store.ErrUnknownSession) {
					t.Errorf("%s: %s returns %v, want a failure", name, call, err)
				}
			}
			h.RevokeLater(hub.Cause{}, revocation)
			if status := h.Status(); !status.Fenced {
				t.Errorf("%s: the status is %+v", name, status)
			}
		}
		if heard := opened.events.Heard(); len(heard) != 0 {
			t.Errorf("heard %v", heard)
		}
	})
}

// enter sends a request with a valid token. A request that was cut is abandoned.
func enter(h *hub.Hub, r *http.Request) (running *streams.Request, verdict replica.Verdict) {
	verdict = replica.Unavailable
	defer func() {
		if cause := recover(); cause != nil && cause != http.ErrAbortHandler {
			panic(cause)
		}
	}()
	return h.Enter(httptest.NewRecorder(), r, good(), streams.ByRevocation, time.Now())
}

// With a damaged store the gate starts: it answers 503, and says why. With another
// error it does not start, and a later Open may succeed.
func TestOpenDistinguishesADamagedStoreFromOtherErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := hub.New(hub.Options{})
		damaged := fmt.Errorf("opening store: %w", store.ErrDamaged)
		open := func(backend store.Backend, err error) error {
			return h.Open(hub.Settings{Options: replica.Options{Clock: hubtest.Bubble{}}}, func(*slog.Logger) (store.Backend, error) { return backend, err })
		}
		if err := open(nil, damaged); err != nil || !errors.Is(h.Status().Err, store.ErrDamaged) {
			t.Errorf("a damaged store: %v, and the status %+v", err, h.Status())
		}
		if locked := errors.New("locked"); !errors.Is(open(nil, locked), locked) || !errors.Is(h.Status().Err, locked) {
			t.Errorf("a store that cannot be had: the status is %+v", h.Status())
		}
		if err := open(memstore.New(nil), nil); err != nil {
			t.Error(err)
		}
		_, set := h.Store()
		<-set.Synced()
		if verdict := h.Check(good(), time.Now()); verdict != replica.Clear {
			t.Errorf("the verdict is %v", verdict)
		}
		for range 2 {
			if err := h.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := open(memstore.New(nil), nil); !errors.Is(err, store.ErrClosed) {
			t.Errorf("opened again after Close: %v", err)
		}
	})
}

// A reload gives the open store new settings, and opens no other store.
func TestOpenAgainTakesNewSettings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newOpen(t, replica.Options{Retention: time.Hour}, memstore.New(nil))
		raised := hub.Settings{Options: replica.Options{Retention: 48 * time.Hour, Clock: hubtest.Bubble{}}}
		err := h.Open(raised, func(*slog.Logger) (store.Backend, error) {
			t.Error("another store was opened")
			return nil, errors.New("no")
		})
		if err != nil || h.Retention() != 48*time.Hour {
			t.Errorf("error %v, and a retention of %v", err, h.Retention())
		}
	})
}

// Subscribers receive a revocation once, and no event for a repeat or a mark. A revocation
// that is not in the revocation log is no repeat.
func TestRepeatsAndMarksAreNoEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, hooked := newHooked(t, replica.Options{})
		mustLearn(t, hooked, tokenKey)
		revocation := store.Revocation{Kind: store.KindSession, Key: sessionKey, Expires: inAnHour()}
		if repeated, err := h.Repeat(t.Context(), revocation); repeated || err != nil || h.Holds(sessionKey) {
			t.Errorf("a first revocation: repeated %t, error %v", repeated, err)
		}
		why := hub.Cause{Source: store.SourceEndpoint, Issuer: "i"}
		if err := h.Revoke(t.Context(), why, revocation); err != nil || !h.Holds(tokenKey) {
			t.Errorf("Revoke: %v, and the token of the session is revoked: %t", err, h.Holds(tokenKey))
		}
		if heard := h.events.Heard(); len(heard) != 1 || heard[0].Cause != why || heard[0].Key != sessionKey {
			t.Errorf("heard %v", heard)
		}
		for range 3 {
			time.Sleep(time.Second)
			if repeated, err := h.Repeat(t.Context(), revocation); !repeated || err != nil {
				t.Errorf("repeated %t, error %v", repeated, err)
			}
		}
		mark := store.Revocation{Kind: store.KindToken, Key: store.Key{8}, Expires: inAnHour()}
		if err := h.Mark(t.Context(), mark); err != nil || !h.Holds(mark.Key) {
			t.Errorf("Mark: %v", err)
		}
		if heard := h.events.Heard(); len(heard) != 0 || h.Retries() != 0 {
			t.Errorf("heard %v, and %d are retried", heard, h.Retries())
		}
	})
}

// Invariant 7: a repeat that could not be completed is a failure, not a "revoked before".
func TestARepeatThatFailsIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, hooked := newHooked(t, replica.Options{})
		revocation := store.Revocation{Kind: store.KindSession, Key: sessionKey, Expires: inAnHour()}
		if err := h.Revoke(t.Context(), hub.Cause{}, revocation); err != nil {
			t.Fatal(err)
		}
		hooked.On("Members", func() error { return errors.New("no answer") })
		if _, err := h.Repeat(t.Context(), revocation); err == nil {
			t.Error("a repeat whose tokens could not be read succeeded")
		}
	})
}

// A receipt names the sessions of a token that names none, as the events do.
func TestTheReceiptNamesTheSessionsOfAToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, hooked := newHooked(t, replica.Options{})
		mustLearn(t, hooked, tokenKey)
		receipt, err := h.RevokeWithReceipt(t.Context(), hub.Cause{}, store.Revocation{Kind: store.KindToken, Key: tokenKey, Expires: inAnHour()})
		if err != nil || len(receipt.Revoked) != 2 || receipt.Revoked[1].Key != sessionKey || receipt.Position.Seq == 0 {
			t.Errorf("the receipt is %+v, error %v", receipt, err)
		}
		if heard := h.events.Heard(); len(heard) != 2 {
			t.Errorf("heard %v", heard)
		}
	})
}

// A revocation continues after its caller has hung up.
func TestARevocationContinuesWithoutItsCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := newHooked(t, replica.Options{})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		revocation := store.Revocation{Kind: store.KindSession, Key: sessionKey, Expires: inAnHour()}
		if err := h.Revoke(ctx, hub.Cause{}, revocation); err != nil {
			t.Error(err)
		}
	})
}

// A session that was seen after an instant is still live. A session that was not has ended,
// and so has a session that is revoked by itself.
func TestASessionIsOverByItselfAndByAnInstant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := newHooked(t, replica.Options{})
		now := time.Now().Unix()
		alice := h.Key(store.KindSubject, "i", "alice")
		if err := h.Revoke(t.Context(), hub.Cause{},
			store.Revocation{Kind: store.KindSubject, Key: alice, NotBefore: now, Expires: inAnHour()},
			store.Revocation{Kind: store.KindSession, Key: sessionKey, Expires: inAnHour()}); err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			keys *store.Keys
			seen int64
			over bool
		}{
			"seen since":              {&store.Keys{Session: store.Key{3}, Subject: alice}, now + 1, false},
			"not seen since":          {&store.Keys{Session: store.Key{3}, Subject: alice}, now, true},
			"seen since, and revoked": {&store.Keys{Session: sessionKey, Subject: alice}, math.MaxInt64, true},
			"another subject's":       {&store.Keys{Session: store.Key{3}, Subject: store.Key{4}}, now, false},
		} {
			if got := h.Over(store.Session{LastSeen: c.seen}, c.keys); got != c.over {
				t.Errorf("%s: Over returns %t, want %t", name, got, c.over)
			}
		}
	})
}

// A store of another author that keeps nothing about tokens can still revoke sessions.
// Learning is a failure.
func TestAStoreThatKeepsNoTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newOpen(t, replica.Options{}, struct{ store.Backend }{memstore.New(nil)})
		token := store.Revocation{Kind: store.KindToken, Key: tokenKey, Expires: inAnHour()}
		session := store.Revocation{Kind: store.KindSession, Key: sessionKey, Expires: inAnHour()}
		if err := h.Revoke(t.Context(), hub.Cause{}, token, session); err != nil {
			t.Error(err)
		}
		if err := h.Tokens().Learn(t.Context()); err == nil {
			t.Error("it learned")
		}
	})
}

// A running request continues for as long as the newest token that Note received for its
// session, and no longer.
func TestANotedTokenProlongsItsSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, prolonged := range []bool{true, false} {
			h, _ := newHooked(t, replica.Options{})
			keys := func(lasts time.Duration) *store.Keys {
				now := time.Now()
				return &store.Keys{Session: sessionKey, IssuedAt: now.Unix(), Expires: now.Add(lasts).Unix()}
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			running, verdict := h.Enter(httptest.NewRecorder(), r, keys(10*time.Second), streams.AtExpiry, time.Now())
			if verdict != replica.Clear {
				t.Fatalf("the verdict is %v", verdict)
			}
			if prolonged && !h.Note(keys(time.Hour), store.Session{Issuer: "i", ID: "s", Subject: "alice", LastSeen: time.Now().Unix()}) {
				t.Error("the session was not noted")
			}
			time.Sleep(time.Minute)
			if abandon := running.Leave(); abandon == prolonged {
				t.Errorf("prolonged %t: abandoned is %t", prolonged, abandon)
			}
		}
	})
}
