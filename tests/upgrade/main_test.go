// Package upgrade holds black-box tests of fleets whose gates are of two versions: this
// one, and the last one that knew entries of format 1 alone.
package upgrade

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// olderCommit is the last commit whose gates know entries of format 1 alone. It is an
// ancestor of this commit, so a clone with its history has it.
const olderCommit = "9c45807b1c665ae8ee5007b43377d9c74774243e"

// older is the gate of olderCommit. TestMain builds it before the first test.
var older string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	dir, err := os.MkdirTemp("", "older-gate")
	if err == nil {
		defer os.RemoveAll(dir)
		older = filepath.Join(dir, "caddy")
		err = buildOlder(filepath.Join(dir, "source"), older)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return harness.MainParallel(m)
}

// buildOlder builds the gate of olderCommit into a file, from its source in the history of
// this repository. A clone without its history (git clone --depth) fetches this one commit.
func buildOlder(source, path string) error {
	top, err := harness.Root()
	if err != nil {
		return err
	}
	git := func(arguments ...string) error {
		command := exec.Command("git", append([]string{"-C", top}, arguments...)...)
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %w\n%s", arguments[0], err, output)
		}
		return nil
	}
	if git("cat-file", "-e", olderCommit+"^{commit}") != nil {
		if err := git("fetch", "--no-tags", "--depth=1", "origin", olderCommit); err != nil {
			return fmt.Errorf("finding the source of the older gate, commit %s: %w; run git fetch --unshallow", olderCommit, err)
		}
	}
	if err := os.Mkdir(source, 0o700); err != nil {
		return fmt.Errorf("unpacking the source of the older gate: %w", err)
	}
	archive := filepath.Join(source, "source.tar")
	if err := git("archive", "--output="+archive, olderCommit); err != nil {
		return fmt.Errorf("unpacking the source of the older gate: %w", err)
	}
	if output, err := exec.Command("tar", "-xf", archive, "-C", source).CombinedOutput(); err != nil {
		return fmt.Errorf("unpacking the source of the older gate: %w\n%s", err, output)
	}
	return harness.BuildFrom(source, path)
}
