package caddymodule

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/hub"
	"github.com/sessiongate/sessiongate/caddymodule/metrics/metricstest"
	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
)

// revoked returns by how much the counts of revocations have grown.
func revoked(tb testing.TB, g *gateTest, before metricstest.Values) map[string]float64 {
	tb.Helper()
	grown := make(map[string]float64)
	for key, n := range gather(tb, g.app).Since(before) {
		if labels, is := strings.CutPrefix(key, "revocations_total"); is {
			grown[labels] = n
		}
	}
	return grown
}

// Revocations are counted by what they name, by who made them, and by how that went.
func TestRevocationsAreCountedByTheirSource(t *testing.T) {
	g := newGate(t, "ES256", Gate{SessionsEndpoint: sessionsPath, BackchannelLogout: logoutPath})
	of := func(session string) string { return g.mint(t, map[string]any{"sid": session, "auth_time": nil}) }
	logout := tokentest.Mint(t, g.key, tokentest.Claims(time.Now(), map[string]any{
		"sid": "told", "jti": "logout", "exp": time.Now().Add(time.Minute).Unix(),
		"events": map[string]any{"http://schemas.openid.net/event/backchannel-logout": map[string]any{}},
	}), map[string]any{"typ": "logout+jwt"})
	expires := g.app.hub.Expires(time.Now())
	byOperator := func(kind store.Kind) func() {
		return func() {
			r := store.Revocation{Kind: kind, Key: g.app.hub.Key(kind, "https://other.example.com", "x"), Expires: expires}
			if kind.HasInstant() {
				r.NotBefore = 1000
			}
			if err := g.app.hub.Revoke(t.Context(), hub.Cause{Source: store.SourceAdmin}, r); err != nil {
				t.Error(err)
			}
		}
	}
	serve := func(r *http.Request, status int) {
		if a := g.serve(t, r); a.Code != status {
			t.Errorf("answered %d %s, want %d", a.Code, a.Body, status)
		}
	}
	for _, c := range []struct {
		do   func()
		want string
	}{
		{func() { g.end(t, of("own"), "") }, `{kind="session",result="everywhere",source="endpoint"}`},
		{func() { serve(logoutRequest(logout), http.StatusOK) }, `{kind="session",result="everywhere",source="issuer"}`},
		{func() { serve(request(http.MethodDelete, sessionsPath, of("all"), ""), http.StatusOK) }, `{kind="subject",result="everywhere",source="sessions"}`},
		{byOperator(store.KindToken), `{kind="token",result="everywhere",source="admin"}`},
		{byOperator(store.KindIssuer), `{kind="issuer",result="everywhere",source="admin"}`},
	} {
		before := gather(t, g.app)
		c.do()
		if got := revoked(t, g, before); !maps.Equal(got, map[string]float64{c.want: 1}) {
			t.Errorf("counted %v, want %s", got, c.want)
		}
	}
	// A repeat changes nothing, and counts nothing.
	before := gather(t, g.app)
	g.end(t, of("own"), "").want(t, http.StatusNotFound, "invalid_session")
	if got := revoked(t, g, before); len(got) > 0 {
		t.Errorf("a repeat counted %v", got)
	}
}

// The metrics may be read at any time: before the start, under traffic, and after the end.
func TestTheMetricsAreReadAtAnyTime(t *testing.T) {
	g := newGate(t, "HS256", Gate{})
	fresh, err := provisionOne(t, boltApp(t.TempDir()+"/a.db"))
	if err != nil {
		t.Fatal(err)
	}
	if values := gather(t, fresh); values["fenced"] != 1 || values["store_up"] != 0 {
		t.Errorf("before the start, fenced is %v and store_up %v", values["fenced"], values["store_up"])
	}
	var group sync.WaitGroup
	over := make(chan struct{})
	for _, app := range []*App{g.app, fresh} {
		group.Go(func() {
			for last := metricstest.Values(nil); ; {
				now := gather(t, app)
				if fallen := fell(last, now); len(fallen) > 0 {
					t.Errorf("fell: %v", fallen)
				}
				select {
				case <-over:
					return
				default:
					last = now
				}
			}
		})
	}
	token := g.mint(t, nil)
	for range 50 {
		g.get(t, "/", token).want(t, http.StatusOK, "")
	}
	if err := fresh.Start(); err != nil {
		t.Error(err)
	}
	g.end(t, token, "").want(t, http.StatusOK, "invalidated")
	for _, app := range []*App{g.app, fresh} {
		if err := app.Cleanup(); err != nil {
			t.Error(err)
		}
	}
	close(over)
	group.Wait()
	if values := gather(t, fresh); values["fenced"] != 1 {
		t.Errorf("after the end, fenced is %v", values["fenced"])
	}
}
