package documents

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// inRoot runs the go command at the top of the repository, with the binary under
// test for tests that run it.
func inRoot(t *testing.T, words ...string) (string, error) {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "go", words...)
	command.Dir = root
	// As ./caddy was built, so that Caddy is not compiled once more.
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="+os.Getenv("GOFLAGS")+" -trimpath",
		harness.Variable+"="+harness.Binary(t))
	output, err := command.CombinedOutput()
	return string(output), err
}

// The commands under which the figures of docs/performance.md stand, each benchmark once.
func TestBenchmarksOfTheREADMERun(t *testing.T) {
	t.Parallel()
	for _, block := range harness.Documented(t) {
		if !strings.HasPrefix(block.Text, "go test -run '^$'") {
			continue
		}
		for line := range strings.Lines(block.Text) {
			words := strings.Fields(strings.ReplaceAll(line, "'", ""))
			words = append([]string{words[1], "-benchtime", "1x"}, words[2:]...)
			// What comes last counts, so the command's own -benchtime goes.
			for i := 3; i+1 < len(words); i++ {
				if words[i] == "-benchtime" {
					words = append(words[:i], words[i+2:]...)
				}
			}
			for i, word := range words {
				if word == "-entries" {
					words[i+1] = "10000"
				}
			}
			t.Run(strings.Join(words, " "), func(t *testing.T) {
				t.Parallel()
				if output, err := inRoot(t, words...); err != nil || !strings.Contains(output, "\nBenchmark") {
					t.Errorf("%v\n%s", err, output)
				}
			})
		}
	}
}

// The commands that show the promise, each for a short while.
func TestProofsOfTheREADMERun(t *testing.T) {
	t.Parallel()
	short := map[string]string{"-seeds": "3", "-length": "2s", "-targets": "300"}
	for _, block := range harness.Documented(t) {
		if !strings.HasPrefix(block.Text, "go test ") || strings.HasPrefix(block.Text, "go test -run '^$'") {
			continue
		}
		for line := range strings.Lines(block.Text) {
			words := strings.Fields(line)[1:]
			shortened := false
			for i, word := range words[:len(words)-1] {
				if value, ok := short[word]; ok {
					words[i+1], shortened = value, true
				}
			}
			if !shortened {
				t.Errorf("%q would run for long", line)
				continue
			}
			t.Run(strings.Join(words, " "), func(t *testing.T) {
				t.Parallel()
				if output, err := inRoot(t, append(words, "-v")...); err != nil || !strings.Contains(output, "--- PASS: ") {
					t.Errorf("%v\n%s", err, output)
				}
			})
		}
	}
}

// The commands for operators, against a gate that has nothing to bootstrap: its
// store is this machine's own.
func TestCommandsOfTheREADMEAreThoseOfOperators(t *testing.T) {
	g := harness.Start(t, harness.Config{})
	ran := 0
	for _, block := range harness.Documented(t) {
		for line := range strings.Lines(block.Text) {
			words, ours := strings.CutPrefix(strings.TrimSpace(line), "caddy session-gate ")
			if !ours {
				continue
			}
			ran++
			printed, code := operating.Operate(t, g, strings.Fields(words)...)
			if strings.Contains(printed, "Error: unknown") || strings.Contains(printed, "Usage:") || code != map[string]int{"bootstrap": 1}[words] {
				t.Errorf("%s ends with %d:\n%s", line, code, printed)
			}
		}
	}
	if ran != 2 {
		t.Errorf("ran %d commands, want health and bootstrap", ran)
	}
}
