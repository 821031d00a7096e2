package observed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/chaos/stepped"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

func (s *scene) stopRedis(*testing.T)   { s.redis.Stop() }
func (s *scene) freezeRedis(*testing.T) { s.redis.Freeze() }
func (s *scene) stepRedis(*testing.T)   { s.redis.SetClock(time.Hour) }

func (s *scene) freezeGate(t *testing.T) {
	t.Helper()
	s.gate.Signal(syscall.SIGSTOP)
	t.Cleanup(func() { s.gate.Signal(syscall.SIGCONT) }) // it could not be stopped otherwise
	harness.Eventually(t, noticeLimit, "all threads stand still", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", s.gate.PID()))
		for _, thread := range threads {
			status, unreadable := os.ReadFile(thread)
			if unreadable != nil || !strings.Contains(string(status), "\nState:\tT") {
				return false
			}
		}
		return err == nil && len(threads) > 0
	})
}

func (s *scene) stepGate(t *testing.T) {
	t.Helper()
	if err := stepped.Set(s.clock, time.Hour); err != nil {
		t.Fatal(err)
	}
}

// flush deletes everything in Redis, and waits until the gate has restored it.
func (s *scene) flush(t *testing.T) {
	t.Helper()
	s.redis.Do("FLUSHALL")
	s.says(t)
	harness.Eventually(t, noticeLimit, "the gate uses the new log", func() bool {
		state := operating.StateOf(t, s.gate)
		return state.State == "settled" && state.Error == ""
	})
}

// fill makes the file system take no more for the process of the gate.
func (s *scene) fill(t *testing.T) {
	t.Helper()
	command := exec.Command("prlimit", "--pid", fmt.Sprint(s.gate.PID()), "--fsize=0:")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("limiting files (prlimit is part of util-linux): %v\n%s", err, output)
	}
}
