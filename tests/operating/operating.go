// Package operating runs `caddy session-gate` against a gate, for black-box tests. It reads
// the printed text and the answers of the admin API.
package operating

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// Feed is Operate with a text on the standard input.
func Feed(t *testing.T, g *harness.Gate, input string, arguments ...string) (printed string, code int) {
	t.Helper()
	arguments = append(append([]string{"session-gate"}, arguments...), "--address", Socket(g))
	command := exec.CommandContext(t.Context(), harness.Binary(t), arguments...)
	command.Dir, command.Stdin = g.Dir(), strings.NewReader(input)
	output, err := command.CombinedOutput()
	if command.ProcessState == nil {
		t.Fatalf("running %q: %v", arguments, err)
	}
	return string(output), command.ProcessState.ExitCode()
}

// Check fails the test unless a command exits with this code and prints these texts.
func Check(t *testing.T, g *harness.Gate, code int, says []string, arguments ...string) (printed string) {
	t.Helper()
	printed, got := Operate(t, g, arguments...)
	if got != code {
		t.Errorf("%q exits with %d, want %d:\n%s", arguments, got, code, printed)
	}
	for _, want := range says {
		if !strings.Contains(printed, want) {
			t.Errorf("%q prints\n%s\nwant %q in it", arguments, printed, want)
		}
	}
	return printed
}

// Pair returns two gates of a fleet, or one gate on bolt.
func Pair(t *testing.T, store string) (gates []*harness.Gate) {
	t.Helper()
	a := harness.Start(t, harness.Config{Store: store})
	gates = append(gates, a)
	if strings.HasPrefix(store, "store redis") {
		b := harness.Start(t, harness.Config{Store: store, Key: a.Key})
		gates = append(gates, b)
		harness.Eventually(t, 20*time.Second, "the log is settled, with two gates", func() bool {
			s := StateOf(t, a)
			return s.State == "settled" && s.Gates == 2 && StateOf(t, b).State == "settled"
		})
	}
	return gates
}

// ReceiptGates returns the gates of a receipt, by their ids.
func ReceiptGates(t *testing.T, g *harness.Gate, session string) (asked string, others map[string]string, took float64) {
	t.Helper()
	printed, code := Operate(t, g, "revoke", "--unseen", "--session", session, "--json")
	var receipt struct {
		Gate        string
		TookSeconds float64 `json:"took_seconds"`
		Gates       []struct {
			Gate, Outcome string
			AfterSeconds  float64 `json:"after_seconds"`
		}
	}
	if err := json.Unmarshal([]byte(printed), &receipt); err != nil || code != 0 {
		t.Fatalf("revoke --json exits with %d and prints\n%s", code, printed)
	}
	others = make(map[string]string)
	for _, gate := range receipt.Gates {
		others[gate.Gate] = gate.Outcome
	}
	return receipt.Gate, others, receipt.TookSeconds
}

// State is the part of a gate's state that these tests use.
type State struct {
	Store, Namespace, State, Generation, Error string
	Shared, Synced, Fenced, Degraded           bool
	Revocations, Gates                         int
	Skewed                                     bool
	LeaseSeconds                               float64 `json:"lease_seconds"`
	ClockOffsetSeconds                         float64 `json:"clock_offset_seconds"`
	LeaseAgeSeconds                            float64 `json:"lease_age_seconds"`
	Floor                                      int64
}

// Operate runs a subcommand of `caddy session-gate` against a gate, and returns the printed
// text and the exit status. The command must end within a minute.
func Operate(t *testing.T, g *harness.Gate, arguments ...string) (printed string, code int) {
	t.Helper()
	return Run(t, g, append(arguments, "--address", Socket(g))...)
}

// Socket returns the address of the gate's admin API, in the form of --address.
func Socket(g *harness.Gate) string { return "unix/" + filepath.Join(g.Dir(), "admin.sock") }

// Run runs a subcommand of `caddy session-gate` in the directory of a gate, which need not
// run. It returns the printed text and the exit status.
func Run(t *testing.T, g *harness.Gate, arguments ...string) (printed string, code int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), harness.Binary(t), append([]string{"session-gate"}, arguments...)...)
	command.Dir = g.Dir()
	command.Env = append(os.Environ(), "XDG_DATA_HOME="+g.Dir(), "XDG_CONFIG_HOME="+g.Dir(), "GATE_DIR="+g.Dir(),
		"UPSTREAM=127.0.0.1:1", "GATE_PORT=1", "GATE_OPS_PORT=2")
	output, err := command.CombinedOutput()
	if command.ProcessState == nil {
		t.Fatalf("running %q: %v", arguments, err)
	}
	return string(output), command.ProcessState.ExitCode()
}

// StateOf returns the state of a gate from its admin API.
func StateOf(t *testing.T, g *harness.Gate) State {
	t.Helper()
	answer := g.Admin(t, "GET", "/session_gate/health")
	var s State
	if err := json.Unmarshal([]byte(answer.Body), &s); err != nil || answer.Status != 200 {
		t.Fatalf("the admin API answers %d %s", answer.Status, answer.Body)
	}
	return s
}

// CheckHealth fails the test unless the command `health` prints these texts and exits with
// this code.
func CheckHealth(t *testing.T, g *harness.Gate, code int, says ...string) {
	t.Helper()
	printed, got := Operate(t, g, "health")
	if got != code {
		t.Errorf("health exits with %d, want %d:\n%s", got, code, printed)
	}
	for _, want := range says {
		if !strings.Contains(printed, want) {
			t.Errorf("health says\n%s\nwant %q in it", printed, want)
		}
	}
}
