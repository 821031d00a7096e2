package caddymodule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyevents"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/replica"
	"github.com/sessiongate/sessiongate/store/storetest/logtest"
)

func init() {
	caddy.RegisterModule(listener{})
}

// listener is an event handler that records the events it receives, under its name.
type listener struct {
	Name string `json:"name,omitempty"`
}

// heard holds the events that listeners received.
var heard struct {
	sync.Mutex
	events []string
	hang   chan struct{} // listeners called "slow" wait for it
}

func (listener) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "events.handlers.session_gate_test", New: func() caddy.Module { return new(listener) }}
}

func (l *listener) Handle(_ context.Context, e caddy.Event) error {
	heard.Lock()
	heard.events = append(heard.events, fmt.Sprintf("%s: %s of %s %v", l.Name, e.Name(), e.Origin().CaddyModule().ID, e.Data))
	hang := heard.hang
	heard.Unlock()
	if l.Name == "slow" {
		<-hang
	}
	return nil
}

// hears returns the next n events, once they were received.
func hears(tb testing.TB, n int) []string {
	tb.Helper()
	var events []string
	await(tb, fmt.Sprint(n, " events"), func() bool {
		heard.Lock()
		defer heard.Unlock()
		if len(heard.events) < n {
			return false
		}
		events, heard.events = heard.events[:n], heard.events[n:]
		return true
	})
	return events
}

// subscribed is a configuration with a listener of this name.
func subscribed(name, storeModule string) string {
	return fmt.Sprintf(`"events": {"subscriptions": [{"modules": ["session_gate"], "handlers": [{"handler": "session_gate_test", "name": %q}]}]},
		"session_gate": {"store": %s, "issuer": [{"issuer": %q, "audience": [%q], "hmac_secret": [%q]}]}`,
		name, storeModule, tokentest.Issuer, tokentest.Audience, refusalSecret)
}

// runSubscribed runs it, and returns a gate of the running app.
func runSubscribed(t *testing.T, name, storeModule string) *gateTest {
	t.Helper()
	t.Cleanup(func() { _ = caddy.Stop() })
	heard.Lock()
	heard.events = nil
	heard.Unlock()
	if err := load(t, subscribed(name, storeModule)); err != nil {
		t.Fatal(err)
	}
	app, err := runningApp()
	if err != nil {
		t.Fatal(err)
	}
	g := &gateTest{gate: &Gate{}, app: app, key: &tokentest.Key{Algorithm: "HS256", Secret: []byte(refusalSecret)}}
	if err := g.gate.provision(app, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if set := setOf(app); set != nil {
		<-set.Synced()
	}
	return g
}

// Invariant 10: an event names the revoked thing by the prefix of a hash.
func TestSubscribersReceiveRevocations(t *testing.T) {
	g := runSubscribed(t, "first", `{"store": "memory"}`)
	g.end(t, g.mint(t, map[string]any{"sid": "canary-session"}), "").want(t, http.StatusOK, "invalidated")
	g.revokes(t, `{"subject":"canary-subject","before":100,"reason":"lost laptop"}`)
	for i, want := range [][]string{
		{"kind:session", "source:endpoint", "reason: ", "key:" + g.app.hub.Key(store.KindSession, tokentest.Issuer, "canary-session").String()},
		{"kind:subject", "source:admin", "reason:lost laptop", "issuer:" + tokentest.Issuer},
	} {
		got := hears(t, 1)
		for _, part := range append(want, "first: session_revoked of session_gate") {
			if len(got) != 1 || !strings.Contains(got[0], part) {
				t.Errorf("event %d is %q, want %q in it", i, got, part)
			}
		}
		if strings.Contains(fmt.Sprint(got), "canary") {
			t.Errorf("event %d reveals too much: %q", i, got)
		}
	}
}

// The store, its replica and their events live longer than a configuration.
func TestSubscribersAreThoseOfTheConfigurationThatRuns(t *testing.T) {
	g := runSubscribed(t, "before", `{"store": "memory"}`)
	g.revokes(t, `{"session":"a"}`)
	if got := hears(t, 1); !strings.HasPrefix(got[0], "before: ") {
		t.Errorf("heard %q", got)
	}
	again := runSubscribed(t, "after", `{"store": "memory"}`)
	if again.app.hub != g.app.hub {
		t.Fatal("the new configuration did not take over the store")
	}
	g.app.pooled.events.StoreDown(replica.TroubleLost, time.Second)
	g.app.pooled.events.StoreUp(2 * time.Second)
	for _, want := range []string{
		"after: store_down of session_gate map[error:lost lease_left_seconds:1]", "after: store_up of session_gate map[after_seconds:2]",
	} {
		if got := hears(t, 1); got[0] != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
}

// Fault: the file is already damaged when the gate starts, before its subscribers do.
func TestSubscribersReceiveADamagedStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "revocations.db")
	if err := os.WriteFile(path, []byte("gone fishing"), 0o600); err != nil {
		t.Fatal(err)
	}
	runSubscribed(t, "damage", fmt.Sprintf(`{"store": "bolt", "path": %q}`, path))
	if got := hears(t, 1); !strings.Contains(got[0], "damage: store_down") || !strings.Contains(got[0], "error:damaged") {
		t.Errorf("heard %q", got)
	}
}

// Attack, and fault: a subscriber hangs, such as a program that posts to a chat. No logout
// waits for it, and the memory of waiting events is bounded.
func TestASlowSubscriberDelaysNobody(t *testing.T) {
	heard.Lock()
	heard.hang = make(chan struct{})
	heard.Unlock()
	g := runSubscribed(t, "slow", `{"store": "memory"}`)
	revoked := store.Revocation{Kind: store.KindSession, Key: store.Key{1}, Expires: 1 << 31}
	for range maxEvents + 100 {
		if err := g.app.hub.Revoke(t.Context(), hub.Cause{}, revoked); err != nil {
			t.Fatal(err)
		}
	}
	if dropped := g.app.pooled.events.dropped.Load(); dropped < 90 {
		t.Errorf("%d events were dropped, want those beyond the queue", dropped)
	}
	close(heard.hang)
	hears(t, maxEvents)
}

func TestDroppedEventsAreLogged(t *testing.T) {
	var lines logtest.Text
	arrived, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	e := newEvents(slog.New(slog.NewTextHandler(&lines, nil)), func() (*App, error) {
		once.Do(func() {
			close(arrived)
			<-release
		})
		return &App{}, nil // without a configuration, so there are no subscribers
	})
	e.start()
	e.StoreUp(1)
	<-arrived
	for range maxEvents + 3 {
		e.StoreUp(1)
	}
	close(release)
	await(t, "the line", func() bool { return strings.Contains(lines.String(), "dropped=3") })
	e.close()
}

// A panic of a subscriber must not end the process, nor stop events to the others. An event
// without any subscriber must not stay in the queue.
func TestASubscriberThatPanicsIsSurvived(t *testing.T) {
	var lines logtest.Text
	asked := make(chan struct{}, 8)
	e := newEvents(slog.New(slog.NewTextHandler(&lines, nil)), func() (*App, error) {
		asked <- struct{}{}
		panic("oh")
	})
	e.start()
	e.StoreUp(1)
	e.StoreUp(1)
	<-asked
	<-asked
	await(t, "the line", func() bool { return strings.Count(lines.String(), "subscriber of an event panicked") == 2 })
	e.close()
	waiting := newEvents(slog.New(slog.DiscardHandler), func() (*App, error) { return nil, errors.New("nothing runs") })
	waiting.start()
	waiting.StoreUp(1)
	began := time.Now()
	waiting.close()
	if took := time.Since(began); took > closeTimeout/2 {
		t.Errorf("closing took %v while an event waits for a configuration", took)
	}
}

var _ caddyevents.Handler = (*listener)(nil)
