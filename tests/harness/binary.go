package harness

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// Variable is the environment variable that names the binary under test.
const Variable = "SESSION_GATE_TEST_BINARY"

// binary is set by Main before the first test.
var binary string

// Main builds the gate, unless the environment names one, and runs the tests of a package.
// TestMain calls it and exits with the code that it returns.
func Main(m *testing.M) (code int) {
	var remove func()
	var err error
	if binary, remove, err = provide(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer remove()
	return m.Run()
}

// MainParallel is Main for packages whose gates mostly wait for leases: tests that allow it
// run two at a time for each processor. The flag -parallel has precedence.
func MainParallel(m *testing.M) (code int) {
	if err := flag.Set("test.parallel", strconv.Itoa(2*runtime.NumCPU())); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return Main(m)
}

// provide returns the binary, and a function that removes it if it was built here.
func provide() (path string, remove func(), err error) {
	if named := os.Getenv(Variable); named != "" {
		path, err = filepath.Abs(named)
		return path, func() {}, err
	}
	dir, err := os.MkdirTemp("", "gate-binary")
	if err != nil {
		return "", nil, fmt.Errorf("building the gate: %w", err)
	}
	remove = func() { _ = os.RemoveAll(dir) }
	path = filepath.Join(dir, "caddy")
	if err := Build(path); err != nil {
		remove()
		return "", nil, err
	}
	return path, remove, nil
}

// Build builds the gate into a file, with further environment variables as NAME=value.
func Build(path string, env ...string) error {
	top, err := Root()
	if err != nil {
		return err
	}
	return BuildFrom(top, path, env...)
}

// BuildFrom is Build for the source of another version, which is in the directory top.
func BuildFrom(top, path string, env ...string) error {
	build := exec.Command(filepath.Join(top, "xcaddy.sh"), "build")
	build.Env = append(append(os.Environ(), "SESSION_GATE_OUTPUT="+path), env...)
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the gate: %w\n%s", err, output)
	}
	return nil
}

// Binary returns the path of the gate under test.
func Binary(tb testing.TB) string {
	tb.Helper()
	if binary == "" {
		tb.Fatal("finding the gate: TestMain of this package does not call harness.Main")
	}
	return binary
}

// Root returns the top of the repository: the directory with xcaddy.sh, at or above the
// working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("finding the repository: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "xcaddy.sh")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("finding the repository: no xcaddy.sh above the working directory")
		}
		dir = parent
	}
}
