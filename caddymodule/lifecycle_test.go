package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

// boltApp returns the JSON of an app on a file.
func boltApp(path string) *App {
	raw, err := json.Marshal(map[string]string{"store": "bolt", "path": path})
	if err != nil {
		panic(err) // two strings
	}
	return &App{
		StoreRaw: raw,
		Issuer: []*Issuer{{
			Issuer: tokentest.Issuer, AnyAudience: true,
			HMACSecret: []string{"s3crets3crets3crets3crets3crets3cret"},
		}},
	}
}

// provisionOne is provisionApp with the error as a result, and without the cleanup.
func provisionOne(tb testing.TB, config *App) (*App, error) {
	tb.Helper()
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	tb.Cleanup(cancel)
	app := new(App)
	decode(tb, config, app)
	return app, app.provision(ctx, slog.New(slog.DiscardHandler))
}

func mustStart(t *testing.T, config *App) *App {
	t.Helper()
	app, err := provisionOne(t, config)
	if err != nil {
		t.Fatalf("Provision: %v", err)
	}
	if err := app.Start(); err != nil {
		t.Fatalf("Start: %v", err)
	}
	return app
}

func references(key string) int {
	n, _ := hubPool.References(key)
	return n
}

// Invariant 11: validating a configuration opens no file of the store.
func TestProvisioningTouchesNoFileOfTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "revocations.db")
	app, err := provisionOne(t, boltApp(path))
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder of the store: %v, want none", err)
	}
}

// Fault: a reload closes the store, or opens its file a second time, which waits for the
// first.
func TestAReloadTakesTheStoreOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "revocations.db")
	before := mustStart(t, boltApp(path))
	key, set := before.poolKey, setOf(before)
	<-set.Synced()
	for range 20 {
		config := boltApp(path)
		config.Retention = caddy.Duration(48 * time.Hour)
		after := mustStart(t, config)
		if setOf(after) != set {
			t.Fatal("a reload opened another store")
		}
		if err := before.Cleanup(); err != nil {
			t.Fatal(err)
		}
		if status := after.hub.Status(); status.Fenced {
			t.Fatalf("after a reload the gate is fenced: %+v", status)
		}
		before = after
	}
	if n := references(key); n != 1 {
		t.Errorf("the store is used by %d configurations, want 1", n)
	}
	if err := before.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if err := before.Cleanup(); err != nil {
		t.Errorf("cleaning up twice: %v", err)
	}
	if n := references(key); n != 0 {
		t.Errorf("the store is used by %d configurations, want none", n)
	}
	again := mustStart(t, boltApp(path)) // the file is free
	if err := again.Cleanup(); err != nil {
		t.Fatal(err)
	}
}

// Fault: Caddy also cleans up a module whose Provision failed, and its pool panics if more
// references are released than were acquired.
func TestAFailedConfigurationGivesBackWhatItTook(t *testing.T) {
	path := filepath.Join(t.TempDir(), "revocations.db")
	running := mustStart(t, boltApp(path))
	defer running.Cleanup()
	broken := boltApp(path)
	broken.Issuer[0].HMACSecret = []string{"short"}
	app, err := provisionOne(t, broken)
	if err == nil {
		t.Fatal("a short secret was accepted")
	}
	if err := app.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if n := references(running.poolKey); n != 1 {
		t.Errorf("the store is used by %d configurations, want 1", n)
	}
}

// Fault: a file that is not the store's is read as an empty store, and every revoked
// session is admitted again.
func TestADamagedStoreLeavesTheGateClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "revocations.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	app := mustStart(t, boltApp(path))
	defer app.Cleanup()
	if status := app.hub.Status(); !status.Fenced || status.Synced || !errors.Is(status.Err, store.ErrDamaged) {
		t.Errorf("the status is %+v, want fenced and damaged", status)
	}
}

// Fault: requests of the old configuration still run while it is cleaned up and its store
// is closed. Admitted requests are answered or cut, and no request is admitted afterwards.
func TestRequestsOutliveTheirConfiguration(t *testing.T) {
	g := newGate(t, "HS256", everythingOn())
	token := g.mint(t, nil)
	g.get(t, "/", token).want(t, http.StatusOK, "")
	var group sync.WaitGroup
	cleaned := make(chan struct{})
	for range 4 {
		group.Go(func() {
			for over := false; ; {
				select {
				case <-cleaned:
					over = true
				default:
				}
				a := g.get(t, "/", token)
				if a.upstream == nil {
					a.want(t, http.StatusServiceUnavailable, "temporarily_unavailable")
				} else if over {
					t.Error("a request was admitted after its configuration was cleaned up")
				} else if !a.abandoned {
					a.want(t, http.StatusOK, "")
				}
				if over {
					return
				}
			}
		})
	}
	if err := g.app.Cleanup(); err != nil {
		t.Error(err)
	}
	close(cleaned)
	group.Wait()
}
