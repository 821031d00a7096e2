// Package firstuse tests what somebody does first with a fresh clone: build the
// gate, run it, and send the request that it proposes.
package firstuse

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// root is the top of the repository, seen from this directory.
const root = "../.."

// clone copies what git keeps of the gate to a directory of the test, as an
// own repository. Nothing of an earlier run is there.
func clone(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, folder := range []string{"caddymodule", "store", "tools"} {
		if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join(root, folder))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"plugin.go", "go.mod", "go.sum", "Caddyfile", "xcaddy.sh", ".gitignore"} {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		// Executable, as xcaddy.sh is; nothing else depends on it.
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if output, err := exec.Command("git", "-C", dir, "init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("making a repository: %v\n%s", err, output)
	}
	return dir
}

// xcaddy returns the script as a command that starts in another directory, as
// it has to work from anywhere.
func xcaddy(ctx context.Context, t *testing.T, clone string, arguments ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(ctx, filepath.Join(clone, "xcaddy.sh"), arguments...)
	command.Dir = t.TempDir()
	command.Env = os.Environ()
	return command
}

// outcome runs a command that is expected to end by itself.
func outcome(t *testing.T, command *exec.Cmd) (code int, stderr string) {
	t.Helper()
	var complaint bytes.Buffer
	command.Stderr = &complaint
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return command.ProcessState.ExitCode(), complaint.String()
}

// freePorts returns ports that nobody listened on a moment ago. They are held
// together, so that they differ.
func freePorts(t *testing.T, n int) []string {
	t.Helper()
	ports := make([]string, n)
	for i := range ports {
		var port int
		port, release := listen(t)
		defer release()
		ports[i] = strconv.Itoa(port)
	}
	return ports
}

// listen holds a port of the loopback interface until it is released.
func listen(t *testing.T) (port int, release func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener.Addr().(*net.TCPAddr).Port, func() { _ = listener.Close() }
}
