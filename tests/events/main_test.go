// Package events holds black-box tests of Caddy's events with a handler that is built in.
package events

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// binary is a gate with a handler of events.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds the gate, with the flags of xcaddy.sh so that most of it is built already.
func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "gate-with-events")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "caddy")
	build := exec.Command("go", "build", "-o", binary, "-trimpath", "-ldflags", "-w -s", "-tags", "nobadger,nomysql,nopgx", "./gate")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the gate: %v\n%s", err, output)
		return 1
	}
	return harness.Main(m)
}
