// Package operatortest helps to test the admin API and its clients. It has an app without a
// configuration, a fleet with a store that can be unreachable, and functions that call the
// API.
package operatortest

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/keys"
	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/token"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/memstore"
	"github.com/sessiongate/sessiongate/store/replica"
)

// App is an operator.App. Tests may change Configured between calls.
type App struct {
	Configured operator.Settings
	key        *tokentest.Key
	hub        *hub.Hub
	verifier   *token.Verifier
}

// Closed returns an app whose store is not open. It accepts tokens of tokentest.Issuer.
func Closed(tb testing.TB, in operator.Store) *App {
	tb.Helper()
	return closed(tb, in, func(*token.IssuerOptions) {})
}

// closed is Closed with other rules for tokens.
func closed(tb testing.TB, in operator.Store, change func(*token.IssuerOptions)) *App {
	tb.Helper()
	a := &App{
		Configured: operator.Settings{
			Version: "v1", Logger: slog.New(slog.DiscardHandler), Issuers: []string{tokentest.Issuer},
			Leeway: 30 * time.Second, MaxTokenLifetime: 24 * time.Hour, Lease: 3 * time.Second, Bootstrap: "auto", Store: in,
		},
		key: tokentest.NewKey(tb, "HS256", ""),
		hub: hub.New(hub.Options{Namespace: in.Namespace}),
	}
	a.key.Secret = []byte(strings.Repeat("s3cret", 8))
	source, err := keys.NewHMAC(a.key.Secret)
	if err != nil {
		tb.Fatal(err)
	}
	issuer := token.IssuerOptions{Issuer: tokentest.Issuer, Audiences: []string{tokentest.Audience}, Keys: source}
	change(&issuer)
	a.Configured.Issuers = []string{issuer.Issuer}
	a.verifier, err = token.NewVerifier(token.Options{
		Namespace: in.Namespace, Leeway: a.Configured.Leeway, MaxTokenLifetime: a.Configured.MaxTokenLifetime,
		Issuers: []token.IssuerOptions{issuer},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(a.verifier.Close)
	tb.Cleanup(func() {
		if err := a.hub.Close(); err != nil {
			tb.Errorf("closing the hub: %v", err)
		}
	})
	return a
}

// New returns an app of one machine, after the first sync with its store.
func New(tb testing.TB) *App {
	tb.Helper()
	return On(tb, memstore.New(nil))
}

// On is New on a store.
func On(tb testing.TB, backend store.Backend) *App {
	tb.Helper()
	return on(tb, backend, func(*token.IssuerOptions) {})
}

// Trusting is New with other rules for the tokens of its issuer.
func Trusting(tb testing.TB, change func(*token.IssuerOptions)) *App {
	tb.Helper()
	return on(tb, memstore.New(nil), change)
}

func on(tb testing.TB, backend store.Backend, change func(*token.IssuerOptions)) *App {
	tb.Helper()
	a := closed(tb, operator.Store{Kind: "memory", Namespace: "default", Place: "memory"}, change)
	a.Open(tb, replica.Options{Retention: 24 * time.Hour, Margin: hub.Margin, Leeway: a.Configured.Leeway}, backend)
	_, set := a.hub.Store()
	<-set.Synced()
	return a
}

// Open opens the app on a store.
func (a *App) Open(tb testing.TB, o replica.Options, backend store.Backend) {
	tb.Helper()
	if err := a.hub.Open(hub.Settings{Options: o}, func(*slog.Logger) (store.Backend, error) { return backend, nil }); err != nil {
		tb.Fatal(err)
	}
}

// Fail opens the app on a store that fails. The app does not open if the error wraps
// store.ErrDamaged.
func (a *App) Fail(tb testing.TB, failure error) {
	tb.Helper()
	if err := a.hub.Open(hub.Settings{}, func(*slog.Logger) (store.Backend, error) { return nil, failure }); err != nil {
		tb.Fatal(err)
	}
}

// Mint returns a token with changed claims, and with changed members of its header.
func (a *App) Mint(tb testing.TB, changes map[string]any, header ...map[string]any) string {
	tb.Helper()
	return tokentest.Mint(tb, a.key, tokentest.Claims(time.Now(), changes), header...)
}

// Admits reports whether a request with a token is admitted. It also marks the token's
// session as seen.
func (a *App) Admits(raw string) bool {
	now := time.Now()
	t, err := a.verifier.Verify(raw, now)
	if err != nil || a.hub.Check(&t.Keys, now) != replica.Clear {
		return false
	}
	return t.Session == "" || a.hub.Note(&t.Keys, store.Session{Issuer: t.Issuer, ID: t.Session, Subject: t.Subject, LastSeen: now.Unix()})
}

// WantAdmitted fails the test unless a token is admitted, or refused.
func (a *App) WantAdmitted(tb testing.TB, raw string, want bool) {
	tb.Helper()
	if got := a.Admits(raw); got != want {
		tb.Errorf("admitted: %t, want %t", got, want)
	}
}

// State returns the state that the admin API reports.
func (a *App) State() operator.State { return operator.StateOf(a) }

// Hub implements operator.App.
func (a *App) Hub() *hub.Hub { return a.hub }

// Verifier implements operator.App.
func (a *App) Verifier() *token.Verifier { return a.verifier }

// Settings implements operator.App.
func (a *App) Settings() operator.Settings { return a.Configured }

var _ operator.App = (*App)(nil)
