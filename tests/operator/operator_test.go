package operator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

func TestOperatorAsksAGateOfOneMachine(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	answers.Invalidated.Check(t, harness.End(t, g, g.Token(nil)))
	operating.CheckHealth(t, g, 0, "The gate admits requests.\n", "store        bolt at /", `, namespace "default"`, "revocations  1\n")
	if got := operating.StateOf(t, g); got.Store != "bolt" || got.Shared || !got.Synced || got.Fenced || got.Revocations != 1 || got.State != "" {
		t.Errorf("the state is %+v", got)
	}
	printed, code := operating.Operate(t, g, "health", "--json")
	if want := g.Admin(t, "GET", "/session_gate/health").Body; printed != want || code != 0 {
		t.Errorf("health --json exits with %d and prints\n%s\nwant\n%s", code, printed, want)
	}
	if printed, code := operating.Operate(t, g, "bootstrap"); code != 1 || !strings.Contains(printed, "this machine's own") {
		t.Errorf("bootstrap exits with %d and prints\n%s", code, printed)
	}
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/session_gate/bootstrap", 405},
		{"POST", "/session_gate/health", 405},
		{"POST", "/session_gate/bootstrap", 409},
		{"GET", "/session_gate/", 404},
		{"GET", "/session_gate/other", 404},
	} {
		if got := g.Admin(t, c.method, c.path); got.Status != c.status {
			t.Errorf("%s %s is answered %d %s, want %d", c.method, c.path, got.Status, got.Body, c.status)
		}
	}
}

// The commands find the gate as Caddy's own commands do. If they cannot find it, the error
// says where to look.
func TestOperatorFindsTheGate(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	caddyfile := filepath.Join(g.Dir(), "Caddyfile")
	for _, arguments := range [][]string{
		{"--config", caddyfile, "--adapter", "caddyfile"},
		{"-c", caddyfile, "-a", "caddyfile"},
		{"--address", operating.Socket(g) + "|0600"},
	} {
		if printed, code := operating.Run(t, g, append([]string{"health"}, arguments...)...); code != 0 || !strings.Contains(printed, "The gate admits requests.") {
			t.Errorf("health %q exits with %d and prints\n%s", arguments, code, printed)
		}
	}
	off := filepath.Join(g.Dir(), "off.Caddyfile")
	if err := os.WriteFile(off, []byte("{\n\tadmin off\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g.Stop()
	for want, arguments := range map[string][]string{
		"turns it off (admin off)": {"--config", off, "--adapter", "caddyfile"},
		"does it run there":        {"--address", operating.Socket(g)},
	} {
		for _, command := range []string{"health", "bootstrap"} {
			if printed, code := operating.Run(t, g, append([]string{command}, arguments...)...); code != 2 || !strings.Contains(printed, want) {
				t.Errorf("%s %q exits with %d and prints\n%s\nwant %q", command, arguments, code, printed, want)
			}
		}
	}
}

// The admin API must describe the running gate, not an earlier configuration.
func TestOperatorAsksAcrossReloads(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Store: "store memory"})
	if got := operating.StateOf(t, g).Store; got != "memory" {
		t.Errorf("the store is %q", got)
	}
	if err := g.Reload(harness.Config{Store: "store bolt"}); err != nil {
		t.Fatal(err)
	}
	if got := operating.StateOf(t, g).Store; got != "bolt" {
		t.Errorf("after a reload the store is %q, want bolt", got)
	}
	if err := g.Load(t, harness.Config{Store: "store bolt", Routes: "respond none", App: "lease 1ms"}); err == nil {
		t.Error("a configuration that cannot be was taken")
	}
	if got := operating.StateOf(t, g); got.Store != "bolt" || got.Fenced {
		t.Errorf("after a refused reload the state is %+v", got)
	}
	stop := g.Admin(t, "POST", "/load", harness.Body("application/json", `{"admin": {"listen": "`+operating.Socket(g)+`"}}`))
	if stop.Status != 200 {
		t.Fatalf("loading: %d %s", stop.Status, stop.Body)
	}
	harness.Eventually(t, 10*time.Second, "the admin API knows of no gate", func() bool {
		return g.Admin(t, "GET", "/session_gate/health").Status == 404
	})
	if printed, code := operating.Operate(t, g, "health"); code != 2 || !strings.Contains(printed, "no configuration with session_gate is running") {
		t.Errorf("health exits with %d and prints\n%s", code, printed)
	}
}

// The options for operators and fleets must be valid in a Caddyfile.
func TestWordsForOperatorsAreValid(t *testing.T) {
	t.Parallel()
	for _, words := range []string{"bootstrap manual", "bootstrap auto", "acknowledge store", "acknowledge fleet", "acknowledge lease", "bootstrap manual\nacknowledge store\nlease 200ms"} {
		for _, store := range []string{"store bolt", harness.Redis("127.0.0.1:1", "words")} {
			g := harness.Prepare(t, harness.Config{Store: store, App: words})
			checkValid(t, g)
			if complaint := g.Adapt(); strings.Contains(complaint, "bootstrap") || strings.Contains(complaint, "acknowledge") {
				t.Errorf("adapting %q complains:\n%s", words, complaint)
			}
		}
	}
}
