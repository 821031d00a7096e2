package caddymodule

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/streams"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/sessions"
	"github.com/sessiongate/sessiongate/store/storetest/model"
)

// hooked is a store of which calls about tokens can be made to do something first,
// or to fail.
type hooked struct {
	store.Backend
	mu    sync.Mutex
	hooks map[string]func() error
}

// on has a call begin with a hook; nil takes it away.
func (h *hooked) on(call string, hook func() error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.hooks == nil {
		h.hooks = make(map[string]func() error)
	}
	h.hooks[call] = hook
}

func (h *hooked) begin(call string) error {
	h.mu.Lock()
	hook := h.hooks[call]
	h.mu.Unlock()
	if hook == nil {
		return nil
	}
	return hook()
}

func (h *hooked) Learn(ctx context.Context, grants ...store.Grant) error {
	if err := h.begin("Learn"); err != nil {
		return err
	}
	return h.Backend.(store.Grants).Learn(ctx, grants...)
}

func (h *hooked) Known(ctx context.Context, tokens ...store.Key) ([]store.Grant, error) {
	if err := h.begin("Known"); err != nil {
		return nil, err
	}
	return h.Backend.(store.Grants).Known(ctx, tokens...)
}

func (h *hooked) Members(ctx context.Context, family store.Key) ([]store.Key, error) {
	if err := h.begin("Members"); err != nil {
		return nil, err
	}
	return h.Backend.(store.Grants).Members(ctx, family)
}

// hook puts a hooked store in the place of the gate's.
func (g *grantTest) hook(tb testing.TB) *hooked {
	tb.Helper()
	opened := g.app.shared.live.Load()
	h := &hooked{Backend: opened.backend}
	hooked := &live{backend: h, replica: opened.replica, registry: opened.registry, running: opened.running}
	hooked.owed.settle(hooked)
	tb.Cleanup(hooked.owed.close)
	g.app.shared.live.Store(hooked)
	tb.Cleanup(func() { g.app.shared.live.Store(opened) })
	return h
}

// newLive returns an open store in memory, of which calls can be hooked, within a
// synctest bubble.
func newLive(t *testing.T) (*live, *hooked) {
	t.Helper()
	backend := memstore.New(nil)
	h := &hooked{Backend: backend}
	l := &live{backend: h, replica: replica.New(backend, replica.Options{Retention: time.Hour, Clock: bubble{}})}
	l.owed.settle(l)
	t.Cleanup(func() {
		l.owed.close()
		l.replica.Close()
	})
	<-l.replica.Synced()
	return l, h
}

var (
	familyKey, memberKey = store.Key{1}, store.Key{2}
	ofFamily             = []store.Key{familyKey}
)

func (h *hooked) mustLearn(t *testing.T, token store.Key) {
	t.Helper()
	expires := time.Now().Add(time.Hour).Unix()
	if err := h.Learn(t.Context(), store.Grant{Token: token, Access: true, Families: ofFamily, Expires: expires}); err != nil {
		t.Fatal(err)
	}
}

// The fault: a revocation that was answered 503 is offered to the store until it takes
// it, and nobody repeats the call. What belongs to the session must not live on.
func TestWhatBelongsToASessionIsRevokedLater(t *testing.T) {
	expires := time.Now().Add(24 * time.Hour).Unix()
	session := store.Revocation{Kind: store.KindSession, Key: familyKey, Expires: expires}
	own := store.Revocation{Kind: store.KindToken, Key: store.Key{3}, Expires: expires}
	for name, revoke := range map[string]func(*live) error{
		"the members could not be read":  func(l *live) error { return l.revoke(t.Context(), cause{}, session) },
		"the session was only offered":   func(l *live) error { l.offer(cause{}, session); return errors.New("503") },
		"a token that stands for it was": func(l *live) error { l.offer(cause{}, own); return errors.New("503") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, h := newLive(t)
				h.mustLearn(t, memberKey)
				h.mustLearn(t, own.Key)
				away := func() error { return errors.New("no answer") }
				h.on("Members", away)
				h.on("Known", away)
				if err := revoke(l); err == nil {
					t.Fatal("confirmed")
				}
				time.Sleep(10 * owedPause)
				if l.replica.Holds(memberKey) {
					t.Error("revoked while the store is away")
				}
				h.on("Members", nil)
				h.on("Known", nil)
				time.Sleep(2 * owedPause)
				if !l.replica.Holds(memberKey) || !l.replica.Holds(familyKey) {
					t.Error("not all that belongs to the session is revoked")
				}
				if n := l.owed.left(); n != 0 {
					t.Errorf("%d revocations are still owed", n)
				}
			})
		})
	}
}

// Fault: who audits logouts hears nothing of those that were made while the store was
// away. They hear of each once, also if the call is repeated.
func TestSubscribersHearOfWhatHeldLater(t *testing.T) {
	expires := time.Now().Add(24 * time.Hour).Unix()
	session := store.Revocation{Kind: store.KindSession, Key: familyKey, Expires: expires}
	subject := store.Revocation{Kind: store.KindSubject, Key: store.Key{4}, NotBefore: 100, Expires: expires}
	token := store.Revocation{Kind: store.KindToken, Key: store.Key{5}, Expires: expires} // of another session
	for name, revoke := range map[string]func(*live){
		"nobody repeats it": func(*live) {},
		"it is repeated": func(l *live) {
			if err := l.revoke(t.Context(), cause{}, session); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, h := newLive(t)
				l.events = &events{queue: make(chan event, 10)}
				other := store.Grant{Token: token.Key, Access: true, Families: []store.Key{{6}}, Expires: expires}
				if err := h.Learn(t.Context(), other); err != nil {
					t.Fatal(err)
				}
				h.on("Members", func() error { return errors.New("no answer") })
				if err := l.revoke(t.Context(), cause{reason: "stolen"}, session); err == nil {
					t.Fatal("confirmed")
				}
				l.offer(cause{}, subject, session, token, store.Revocation{Kind: store.KindSession, Key: other.Families[0], Expires: expires})
				if n := len(l.events.queue); n != 0 {
					t.Errorf("%d events, and nobody knows whether it holds", n)
				}
				h.on("Members", nil)
				revoke(l)
				time.Sleep(3 * owedPause)
				kinds := map[any]int{}
				for range len(l.events.queue) {
					kinds[(<-l.events.queue).data()["kind"]]++
				}
				if kinds["session"] != 2 || kinds["subject"] != 1 || kinds["token"] != 1 || l.owed.left() != 0 {
					t.Errorf("heard of %v, want two sessions, a subject and a token; %d are owed", kinds, l.owed.left())
				}
			})
		})
	}
}

// With `acknowledge store`, a gate that lags may have learned of a token after the
// members were read, and not have known that the session is over.
func TestLaggingGatesAreLookedAfter(t *testing.T) {
	for _, lagging := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			l, h := newLive(t)
			l.lagging.Store(lagging)
			revocation := store.Revocation{Kind: store.KindSession, Key: familyKey, Expires: time.Now().Add(time.Hour).Unix()}
			if err := l.revoke(t.Context(), cause{}, revocation); err != nil {
				t.Fatal(err)
			}
			h.mustLearn(t, memberKey)
			time.Sleep(3 * owedPause)
			if l.replica.Holds(memberKey) != lagging {
				t.Errorf("lagging %t: revoked is %t", lagging, l.replica.Holds(memberKey))
			}
		})
	}
}

// Fault: a gate reads nothing, so that a revocation which is owed waits for it, for up
// to two leases, while the last configuration that used the store is taken away. Its
// requests must not run on for as long.
func TestWhatIsOwedHoldsUpNoDestruct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const lease = 30 * time.Second
		f := newFleet()
		deaf := func(ctx context.Context, call model.Call, deliver model.Deliver) (any, error) {
			if call.Method == "Read" && f.away.Load() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return deliver(ctx)
		}
		o := replica.Options{Lease: lease, Retention: time.Hour, Clock: bubble{}}
		other := replica.New(f.server.Connect(deaf), o)
		defer other.Close()
		<-other.Synced()
		backend := f.server.Connect(nil)
		l := &live{
			backend: backend, replica: replica.New(backend, o), registry: sessions.New(backend, sessions.Options{}),
			running: streams.New(streams.Options{Revoked: func(*store.Keys) bool { return false }}),
		}
		<-l.replica.Synced()
		l.owed.settle(l)
		s := new(shared)
		s.live.Store(l)
		time.Sleep(2 * lease)
		f.away.Store(true)
		running := l.running.Enter(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), new(store.Keys), streams.ByRevocation)
		l.owe(nil, store.Revocation{Kind: store.KindSession, Key: familyKey, Expires: time.Now().Add(time.Hour).Unix()})
		time.Sleep(2*lease + time.Second)
		if !l.replica.Holds(familyKey) {
			t.Fatal("it is not being paid")
		}
		began := time.Now()
		if err := s.Destruct(); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("took %v", took)
		}
		if !running.Leave() {
			t.Error("a request goes on after it")
		}
	})
}
