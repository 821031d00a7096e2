package firstuse

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// quickStart returns the two blocks of the README's quick start: the one that starts the
// gate, and the one for the other terminal.
func quickStart(t *testing.T) (start, other string) {
	t.Helper()
	var commands []string
	for _, block := range harness.Readme(t) {
		if block.Language == "sh" {
			commands = append(commands, block.Text)
		}
	}
	if len(commands) < 2 {
		t.Fatal("the README has no quick start")
	}
	return commands[0], commands[1]
}

// checkQuickStart runs the README's second block in a shell in the clone, while the first
// block is running.
func checkQuickStart(t *testing.T, dir, port string) {
	t.Helper()
	start, other := quickStart(t)
	if start != "./xcaddy.sh run\n" {
		t.Errorf("the README starts the gate with %q, which is not what is running here", start)
	}
	shell := exec.Command("bash", "-e", "-c", strings.ReplaceAll(other, "127.0.0.1:8080", "127.0.0.1:"+port))
	shell.Dir, shell.Stderr = dir, os.Stderr
	output, err := shell.Output()
	if err != nil {
		t.Fatalf("the README's quick start: %v\n%s", err, output)
	}
	rest := string(output)
	for _, want := range []string{
		"user   alice\n",
		`{"message":"Session invalidated successfully."}`,
		"HTTP/1.1 401 Unauthorized\r\n",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("the README's quick start printed %q, want %q in it, in its turn", output, want)
		}
		rest = after
	}
}
