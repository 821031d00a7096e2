package hub_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/hub/hubtest"
	"github.com/sessiongate/sessiongate/caddymodule/streams"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// Fault: a revocation that was answered 503 is retried until the store has it, and no
// caller repeats the call. The tokens of the session must not stay valid.
func TestTokensOfASessionAreRevokedLater(t *testing.T) {
	expires := time.Now().Add(24 * time.Hour).Unix()
	session := store.Revocation{Kind: store.KindSession, Key: sessionKey, Expires: expires}
	token := store.Revocation{Kind: store.KindToken, Key: store.Key{3}, Expires: expires}
	for name, revoke := range map[string]func(*openHub) error{
		"the tokens could not be read":     func(h *openHub) error { return h.Revoke(t.Context(), hub.Cause{}, session) },
		"the sessions could not be read":   func(h *openHub) error { return h.Revoke(t.Context(), hub.Cause{}, token) },
		"the session was revoked for here": func(h *openHub) error { h.RevokeLater(hub.Cause{}, session); return errors.New("503") },
		"a token that stands for it was":   func(h *openHub) error { h.RevokeLater(hub.Cause{}, token); return errors.New("503") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, hooked := newHooked(t, replica.Options{})
				mustLearn(t, hooked, tokenKey)
				mustLearn(t, hooked, token.Key)
				away := func() error { return errors.New("no answer") }
				hooked.On("Members", away)
				hooked.On("Known", away)
				if err := revoke(h); err == nil {
					t.Fatal("confirmed")
				}
				if !h.Holds(sessionKey) && !h.Holds(token.Key) {
					t.Error("what is named does not hold here")
				}
				time.Sleep(10 * hub.RetryPause)
				if h.Holds(tokenKey) {
					t.Error("revoked while the store is away")
				}
				hooked.On("Members", nil)
				hooked.On("Known", nil)
				time.Sleep(2 * hub.RetryPause)
				if !h.Holds(tokenKey) || !h.Holds(sessionKey) {
					t.Error("not all that belongs to the session is revoked")
				}
				if n := h.Retries(); n != 0 {
					t.Errorf("%d revocations are still retried", n)
				}
			})
		})
	}
}

// Fault: the store is unreachable, so the gate cannot know the sessions of a token. It
// retries all named revocations, also that of the session beside the token.
func TestAllThatIsNamedIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, hooked := newHooked(t, replica.Options{})
		hooked.On("Known", func() error { return errors.New("no answer") })
		token := store.Revocation{Kind: store.KindToken, Key: tokenKey, Expires: inAnHour()}
		session := store.Revocation{Kind: store.KindSession, Key: sessionKey, Expires: inAnHour()}
		if _, err := h.RevokeWithReceipt(t.Context(), hub.Cause{}, token, session); err == nil {
			t.Fatal("confirmed")
		}
		if n := h.Retries(); n != 2 || !h.Holds(tokenKey) || !h.Holds(sessionKey) {
			t.Errorf("%d revocations are retried, want the token and its session, which hold here", n)
		}
	})
}

// Fault: a subscriber that audits logouts misses the logouts while the store was
// unreachable. It must receive each once, also if the call is repeated.
func TestSubscribersReceiveLateRevocations(t *testing.T) {
	expires := time.Now().Add(24 * time.Hour).Unix()
	session := store.Revocation{Kind: store.KindSession, Key: sessionKey, Expires: expires}
	subject := store.Revocation{Kind: store.KindSubject, Key: store.Key{4}, NotBefore: 100, Expires: expires}
	token := store.Revocation{Kind: store.KindToken, Key: store.Key{5}, Expires: expires} // of another session
	for name, revoke := range map[string]func(*openHub){
		"nobody repeats it": func(*openHub) {},
		"it is repeated": func(h *openHub) {
			if err := h.Revoke(t.Context(), hub.Cause{}, session); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h, hooked := newHooked(t, replica.Options{})
				other := store.Grant{Token: token.Key, Access: true, Families: []store.Key{{6}}, Expires: expires}
				if err := hooked.Learn(t.Context(), other); err != nil {
					t.Fatal(err)
				}
				hooked.On("Members", func() error { return errors.New("no answer") })
				if err := h.Revoke(t.Context(), hub.Cause{Reason: "stolen"}, session); err == nil {
					t.Fatal("confirmed")
				}
				h.RevokeLater(hub.Cause{}, subject, session, token, store.Revocation{Kind: store.KindSession, Key: other.Families[0], Expires: expires})
				if n := len(h.events.Heard()); n != 0 {
					t.Errorf("%d events for a revocation that is not confirmed", n)
				}
				hooked.On("Members", nil)
				revoke(h)
				time.Sleep(3 * hub.RetryPause)
				kinds := map[store.Kind]int{}
				for _, heard := range h.events.Heard() {
					kinds[heard.Kind]++
				}
				if kinds[store.KindSession] != 2 || kinds[store.KindSubject] != 1 || kinds[store.KindToken] != 1 || h.Retries() != 0 {
					t.Errorf("got events of %v, want two sessions, a subject and a token; %d are retried", kinds, h.Retries())
				}
			})
		})
	}
}

// With `acknowledge store`, a lagging gate may not know yet that the session has ended. It
// may learn a token after the session's tokens were read.
func TestTokensFromLaggingGatesAreRevokedLater(t *testing.T) {
	for acknowledge, lagging := range map[replica.Acknowledge]bool{replica.AcknowledgeStore: true, replica.AcknowledgeFleet: false} {
		synctest.Test(t, func(t *testing.T) {
			// A reload changes it.
			h, hooked := newHooked(t, replica.Options{Acknowledge: replica.AcknowledgeLease})
			o := replica.Options{Acknowledge: acknowledge, Retention: time.Hour, Clock: hubtest.Bubble{}}
			if err := h.Open(hub.Settings{Options: o}, nil); err != nil {
				t.Fatal(err)
			}
			revocation := store.Revocation{Kind: store.KindSession, Key: sessionKey, Expires: inAnHour()}
			if err := h.Revoke(t.Context(), hub.Cause{}, revocation); err != nil {
				t.Fatal(err)
			}
			mustLearn(t, hooked, tokenKey)
			time.Sleep(3 * hub.RetryPause)
			if h.Holds(tokenKey) != lagging {
				t.Errorf("lagging %t: revoked is %t", lagging, h.Holds(tokenKey))
			}
		})
	}
}

// Fault: a gate reads nothing, so a retried revocation waits for it, for up to two leases.
// Meanwhile the last configuration that used the store is removed. Its requests must not
// continue for that long.
func TestARetryDoesNotDelayClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lease = 30 * time.Second
		server := model.NewServer(1, 4096)
		var away atomic.Bool
		deaf := func(ctx context.Context, call model.Call, deliver model.Deliver) (any, error) {
			if call.Method == "Read" && away.Load() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return deliver(ctx)
		}
		o := replica.Options{Lease: lease, Retention: time.Hour, Clock: hubtest.Bubble{}}
		other := replica.New(server.Connect(deaf), o)
		defer other.Close()
		<-other.Synced()
		h := newOpen(t, o, server.Connect(nil))
		time.Sleep(2 * lease)
		away.Store(true)
		now := time.Now()
		keys := &store.Keys{Session: store.Key{9}, IssuedAt: now.Unix(), Expires: now.Add(time.Hour).Unix()}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		running, verdict := h.Enter(httptest.NewRecorder(), r, keys, streams.ByRevocation, now)
		if verdict != replica.Clear {
			t.Fatalf("the verdict is %v", verdict)
		}
		h.Retry(store.Revocation{Kind: store.KindSession, Key: sessionKey, Expires: inAnHour()})
		time.Sleep(2*lease + time.Second)
		if !h.Holds(sessionKey) {
			t.Fatal("it is not retried")
		}
		began := time.Now()
		if err := h.Close(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
		if !running.Leave() {
			t.Error("a request continues after Close")
		}
	})
}
