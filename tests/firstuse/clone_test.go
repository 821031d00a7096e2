// Package firstuse tests the first steps with a fresh clone: build the gate, run it, and
// send the request that it prints.
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

// clone copies the files of the gate that git tracks to a directory of the test, as a new
// repository. Files of an earlier run are not copied.
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
		// All files are executable, as xcaddy.sh is; no test depends on the others' mode.
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if output, err := exec.Command("git", "-C", dir, "init", "-q").CombinedOutput(); err != nil {
		t.Fatalf("making a repository: %v\n%s", err, output)
	}
	return dir
}

// xcaddy returns the script as a command that starts in another directory, because it has
// to work from anywhere.
func xcaddy(ctx context.Context, t *testing.T, clone string, arguments ...string) *exec.Cmd {
	t.Helper()
	command := exec.CommandContext(ctx, filepath.Join(clone, "xcaddy.sh"), arguments...)
	command.Dir = t.TempDir()
	command.Env = os.Environ()
	return command
}

// outcome runs a command that must end by itself.
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

// freePorts returns ports that were free a moment ago. They are held together, so that they
// differ.
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
