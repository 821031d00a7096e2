package caddymodule

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/storetest/logtest"
)

// hook is a receiver of a webhook that tells of each body.
func hook(t *testing.T) (bodies chan string, to *Notify) {
	t.Helper()
	bodies = make(chan string, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusNoContent)
		bodies <- string(body)
	}))
	t.Cleanup(receiver.Close)
	return bodies, &Notify{URL: receiver.URL, Secret: []string{"canary-secret-of-the-hook-0123456789"}}
}

// Fault: a reload starts this app with the new configuration, and then fails, because another app
// cannot start. Caddy cleans it up, and the old configuration goes on. What both share must be as
// the old one says: no line and no message names a user, the lines go to its log, and the messages
// to its receiver.
func TestARejectedConfigurationLeavesNothingBehind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	var lines logtest.Text
	mine, own := hook(t)
	config := boltApp(path)
	config.Notify = own
	ctx, cancel := caddy.NewContext(caddy.Context{Context: context.Background()})
	defer cancel()
	app := new(App)
	decode(t, config, app)
	if err := app.provision(ctx, slog.New(slog.NewTextHandler(&lines, nil))); err != nil {
		t.Fatal(err)
	}
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	defer app.Cleanup()
	<-setOf(app).Synced()

	others, other := hook(t)
	rejected := boltApp(path)
	rejected.Notify, rejected.LogSubject = other, true
	if err := mustStart(t, rejected).Cleanup(); err != nil {
		t.Fatal(err)
	}

	one := store.Revocation{Kind: store.KindSession, Key: store.Key{1}, Expires: app.hub.Expires(time.Now())}
	if err := app.hub.Revoke(t.Context(), hub.Cause{Source: store.SourceAdmin, Subject: "alice"}, one); err != nil {
		t.Fatal(err)
	}
	select {
	case body := <-mine:
		if strings.Contains(body, "alice") {
			t.Errorf("the message names the user: %s", body)
		}
	case body := <-others:
		t.Errorf("the receiver of the rejected configuration has %s", body)
	}
	if text := lines.String(); !strings.Contains(text, "a revocation holds everywhere") || strings.Contains(text, "alice") {
		t.Errorf("the log of the configuration that runs says %q", text)
	}
}
