package caddymodule

import (
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/metrics/metricstest"
)

// gateOf returns a gate of an app that is started.
func gateOf(t *testing.T, app *App) *gateTest {
	t.Helper()
	g := &gateTest{app: app, gate: new(Gate)}
	if err := g.gate.provision(app, app.logger); err != nil {
		t.Fatal(err)
	}
	<-setOf(app).Synced()
	return g
}

// fell returns the counters that are lower than before.
func fell(before, after metricstest.Values) (names []string) {
	for name, value := range before {
		family, _, _ := strings.Cut(name, "{")
		counter := strings.HasSuffix(family, "_total") || strings.HasPrefix(family, "revocation_duration_seconds")
		if counter && after[name] < value {
			names = append(names, name)
		}
	}
	return names
}

// Fault: counts are those of a configuration or of a store, and begin at zero when it is replaced.
// A rate then shows a restart that was none, and loses what was counted since the last scrape.
func TestCountsSurviveAReloadToAnotherStore(t *testing.T) {
	dir := t.TempDir()
	before := mustStart(t, boltApp(filepath.Join(dir, "a.db")))
	g := gateOf(t, before)
	base := gather(t, before)
	for range 3 {
		g.get(t, "/", "").want(t, http.StatusUnauthorized, "")
		g.get(t, "/", "x").want(t, http.StatusUnauthorized, "")
	}
	grown := gather(t, before)
	after := mustStart(t, boltApp(filepath.Join(dir, "b.db")))
	gateOf(t, after)
	// While both are alive, each shows the counts of the process and the state of its own store.
	if fallen := fell(grown, gather(t, after)); len(fallen) > 0 {
		t.Errorf("with both alive, %v fell", fallen)
	}
	if err := before.Cleanup(); err != nil {
		t.Fatal(err)
	}
	defer after.Cleanup()
	now := gather(t, after)
	if fallen := fell(grown, now); len(fallen) > 0 {
		t.Errorf("after the reload, %v fell", fallen)
	}
	if n := now[`requests_total{outcome="missing"}`] - base[`requests_total{outcome="missing"}`]; n != 3 {
		t.Errorf("counted %v requests without a token, want 3", n)
	}
	// The old registry may be asked once more.
	if values := gather(t, before); values["fenced"] != 1 || now["fenced"] != 0 {
		t.Errorf("fenced is %v in the old configuration and %v in the new one", values["fenced"], now["fenced"])
	}
}

// Admitted requests are counted by the table of running requests, which goes with its store.
func TestAdmittedRequestsOutliveTheirStore(t *testing.T) {
	g, token := cached(t, "HS256", Gate{})
	other := newGate(t, "HS256", Gate{})
	before := gather(t, other.app)
	const requests = 100
	for range requests {
		g.get(t, "/", token).want(t, http.StatusOK, "")
	}
	if err := g.app.Cleanup(); err != nil {
		t.Fatal(err)
	}
	if got := counted(t, other.app, before); !maps.Equal(got, map[string]float64{"admitted": requests}) {
		t.Errorf("counted %v, want %d admitted", got, requests)
	}
}

// A configuration that is only validated, or fails, registers nothing that stays, and counts
// nothing. Caddy provisions it beside the running one.
func TestValidatingLeavesNoMetricsBehind(t *testing.T) {
	running := newGate(t, "HS256", Gate{})
	before := gather(t, running.app)
	broken := boltApp(filepath.Join(t.TempDir(), "c.db"))
	broken.Issuer[0].HMACSecret = []string{"short"}
	for _, config := range []*App{boltApp(filepath.Join(t.TempDir(), "b.db")), broken} {
		app, err := provisionOne(t, config)
		if (err != nil) != (config == broken) {
			t.Fatal(err)
		}
		if err := app.Cleanup(); err != nil {
			t.Fatal(err)
		}
	}
	after := gather(t, running.app)
	names := func(v metricstest.Values) []string { return slices.Sorted(maps.Keys(v)) }
	if changed := after.Since(before); len(changed) > 0 || !slices.Equal(names(before), names(after)) {
		t.Errorf("changed %v", changed)
	}
}

// Fault: a second registration in one process panics, or fails the reload.
func TestManyReloadsRegisterTheMetrics(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.db")
	before := mustStart(t, boltApp(path))
	for range 20 {
		after := mustStart(t, boltApp(path))
		if values := gather(t, after); len(values) < 100 {
			t.Fatalf("%d values", len(values))
		}
		if err := before.Cleanup(); err != nil {
			t.Fatal(err)
		}
		before = after
	}
	if err := before.Cleanup(); err != nil {
		t.Fatal(err)
	}
}
