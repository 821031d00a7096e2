// Package kubernetes tests the files in deploy for a Pod: the manifests against the real
// API types, their Caddyfile against the built binary, and the image. It is a separate
// module, so that users who build the plugin do not inherit the API types.
package kubernetes

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// root is the top of the repository, seen from this directory.
const root = "../.."

// binary returns the absolute path of the gate under test: the one that
// SESSION_GATE_TEST_BINARY names, or else the one that xcaddy.sh builds.
func binary(t *testing.T) string {
	t.Helper()
	path, err := binaryOnce()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var binaryOnce = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("SESSION_GATE_TEST_BINARY"); path != "" {
		return filepath.Abs(path)
	}
	build := exec.Command(filepath.Join(root, "xcaddy.sh"), "build")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return "", err
	}
	return filepath.Abs(filepath.Join(root, "caddy"))
})

// caddy runs the gate's binary in dir and returns its standard output. A failure ends the
// test and prints the output of the command. Caddy's own data goes to the test's directory,
// so that the test leaves no files.
func caddy(t *testing.T, dir string, arguments ...string) []byte {
	t.Helper()
	var stdout, stderr bytes.Buffer
	command := exec.Command(binary(t), arguments...)
	command.Dir = dir
	command.Env = append(os.Environ(), "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		t.Fatalf("running caddy %q: %v\n%s%s", arguments, err, &stdout, &stderr)
	}
	return stdout.Bytes()
}
