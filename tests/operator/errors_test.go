package operator

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// subcommands are all that operators run, each with the arguments that it needs.
var subcommands = [][]string{
	{"health"},
	{"list"},
	{"list", "--subject", "alice"},
	{"revoke", "--subject", "alice"},
	{"check", "a.b.c"},
	{"bootstrap"},
	{"lease", "5s"},
	{"floor"},
}

// oneError is the only format of an error: what was done, why it failed, and what to do next.
var oneError = regexp.MustCompile(`\AError: [a-z]+ing\b[^\n]*: [^\n]*; [^\n]*\n\z`)

// Fault: an operator at night reads lines of JSON about the adapter before the error, and a
// script takes a wrong flag for the answer "no".
func TestEveryCommandFailsInOneFormat(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	_ = listener.Close()
	off := write("off.Caddyfile", "{\nadmin off\n}\n")
	broken := write("broken.Caddyfile", "{\n\tsession_gate {\n\t\tisuer https://id.example.com\n\t}\n}\n")
	// A path in an address makes Caddy log a warning, and so does a file that is not formatted.
	silent := write("silent.Caddyfile", "{\nadmin "+nobody+"\n}\n:8080/path {\nrespond ok\n}\n")
	for _, command := range subcommands {
		for fault, flags := range map[string][]string{
			"unknown flag: --bogus":          {"--bogus"},
			"--address is empty":             {"--address", ""},
			"does it run there":              {"--address", nobody},
			"connection refused":             {"--config", silent, "--adapter", "caddyfile"},
			"turns it off (admin off)":       {"--config", off, "--adapter", "caddyfile"},
			`unrecognized subdirective "isu`: {"--config", broken, "--adapter", "caddyfile"},
			"gone.Caddyfile":                 {"--config", filepath.Join(dir, "gone.Caddyfile"), "--adapter", "caddyfile"},
		} {
			checkFails(t, fault, append(command, flags...)...)
		}
	}
	plain := write("plain.Caddyfile", "{\nadmin off\n}\n")
	for _, c := range [][]string{
		{"unknown flag: --bogus", "copy", "--bogus"},
		{"give --from and either --to or --resume", "copy", "--from", off},
		{`unrecognized subdirective "isu`, "copy", "--adapter", "caddyfile", "--from", broken, "--to", off},
		{"it has no session_gate", "copy", "--adapter", "caddyfile", "--from", plain, "--to", off},
		{"unknown flag: --bogus", "repair", "--bogus"},
		{"give one of --dry-run", "repair", "--yes", "--dry-run"},
		{"unknown flag: --bogus", "token", "--bogus"},
		{"no issuer", "token"},
		{"unknown command", "blockade"},
		{"unknown flag: --bogus", "--bogus"},
	} {
		checkFails(t, c[0], c[1:]...)
	}
}

// checkFails fails the test unless a command could not ask: it exits with 2, and prints one
// error and nothing else.
func checkFails(t *testing.T, fault string, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), harness.Binary(t), append([]string{"session-gate"}, arguments...)...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	if exited := (*exec.ExitError)(nil); !errors.As(err, &exited) || exited.ExitCode() != 2 {
		t.Errorf("%q ends with %v, want the exit status 2", arguments, err)
	}
	if printed := stderr.String(); !oneError.MatchString(printed) || !strings.Contains(printed, fault) {
		t.Errorf("%q prints\n%s\nwant one error, with %q", arguments, printed, fault)
	}
	for line := range strings.Lines(stdout.String() + stderr.String()) {
		if json.Valid([]byte(line)) {
			t.Errorf("%q prints a line of JSON: %s", arguments, line)
		}
	}
	if stdout.Len() > 0 {
		t.Errorf("%q prints an answer: %s", arguments, stdout.String())
	}
}
