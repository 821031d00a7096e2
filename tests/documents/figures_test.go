package documents

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// inRoot runs the go command at the top of the repository. Its environment names the binary
// under test.
func inRoot(t *testing.T, words ...string) (string, error) {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "go", words...)
	command.Dir = root
	// The flags of ./caddy, so that Caddy is not compiled again.
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="+os.Getenv("GOFLAGS")+" -trimpath",
		harness.Variable+"="+harness.Binary(t))
	output, err := command.CombinedOutput()
	return string(output), err
}

// This test runs the commands for the figures of docs/performance.md, each benchmark once.
func TestBenchmarksOfTheREADMERun(t *testing.T) {
	t.Parallel()
	for _, block := range harness.Documented(t) {
		if !strings.HasPrefix(block.Text, "go test -run '^$'") {
			continue
		}
		for line := range strings.Lines(block.Text) {
			words := strings.Fields(strings.ReplaceAll(line, "'", ""))
			words = append([]string{words[1], "-benchtime", "1x"}, words[2:]...)
			// The last flag counts, so the command's own -benchtime is removed.
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

// This test runs the commands that prove the promise, each for a short time.
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

// This test runs the commands for operators, against a gate that has nothing to bootstrap:
// its store is on this machine.
func TestCommandsOfTheREADMEAreThoseOfOperators(t *testing.T) {
	g := harness.Start(t, harness.Config{})
	ran := 0
	for _, block := range harness.Documented(t) {
		if executedBy(block) != "" {
			continue
		}
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
	if ran != 5 {
		t.Errorf("ran %d commands, want health three times, list and bootstrap", ran)
	}
}
