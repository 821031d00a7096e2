package faults

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// Fault: the file is damaged. The gate names the command to run, and the command prints
// what is lost. A gate that starts then refuses all sessions that were kept as revoked.
func TestOperatorRepairsADamagedFile(t *testing.T) {
	t.Parallel()
	s := makeSoundStore(t)
	damaged := zeroed(bytes.Clone(s.content), 0, 4096)
	s.write(t, damaged)
	g := s.start(t, true)
	if logs := g.Logs(); !strings.Contains(logs, "caddy session-gate repair --file") {
		t.Errorf("the log does not name the command:\n%s", logs)
	}
	answers.Unavailable.Check(t, harness.Get(t, g, s.revoked))
	checkRepair := func(code int, says []string, arguments ...string) {
		t.Helper()
		printed, got := operating.Run(t, g, append([]string{"repair", "--file", s.path}, arguments...)...)
		if got != code {
			t.Errorf("repair %q exits with %d, want %d:\n%s", arguments, got, code, printed)
		}
		for _, want := range says {
			if !strings.Contains(printed, want) {
				t.Errorf("repair %q prints\n%s\nwant %q in it", arguments, printed, want)
			}
		}
	}
	g.Stop()
	checkRepair(1, []string{"entries with", "nothing was changed"})
	checkRepair(0, []string{"and perhaps more", "users have to log in again"}, "--dry-run")
	checkRepair(2, []string{"give one of"}, "--dry-run", "--restored")
	checkRepair(1, []string{"--dry-run reports"}, "--restored")
	if now, err := os.ReadFile(s.path); err != nil || !bytes.Equal(now, damaged) {
		t.Errorf("the file was changed (%v)", err)
	}
	checkRepair(0, []string{"Replaced. The damaged file is kept as "}, "--yes")

	repaired := s.startWith(t, "leeway 1s")
	answers.BadToken.Check(t, harness.Get(t, repaired, s.revoked))
	fresh := harness.LogIn(t, repaired, "fresh")
	answers.Invalidated.Check(t, harness.End(t, repaired, fresh))
	checkRepair(1, []string{"in use by another process", "stop the gate first"}, "--yes")
	repaired.Restart()
	answers.BadToken.Check(t, harness.Get(t, repaired, s.revoked))
	answers.BadToken.Check(t, harness.Get(t, repaired, fresh))
	repaired.Stop()
	checkRepair(0, []string{"is not damaged"}, "--yes")
	kept, err := filepath.Glob(s.path + ".damaged-*")
	if err != nil || len(kept) != 2 {
		t.Errorf("kept are %q (%v), want the file and its marker", kept, err)
	}
}

// Attack, and fault: make an operator replace a file by an empty store, so that every
// revoked token is valid again.
func TestARepairThatKeepsNothingRevivesNothing(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(s *soundStore) error{
		"emptied": func(s *soundStore) error { return os.Truncate(s.path, 0) },
		"zeros":   func(s *soundStore) error { return os.WriteFile(s.path, make([]byte, len(s.content)), 0o600) },
		"deleted": func(s *soundStore) error { return os.Remove(s.path) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := makeSoundStore(t)
			if err := damage(s); err != nil {
				t.Fatal(err)
			}
			if printed, code := operating.Run(t, s.gate, "repair", "--file", s.path, "--yes"); code != 0 || !strings.Contains(printed, "Replaced.") {
				t.Errorf("it exits with %d and prints\n%s", code, printed)
			}
			g := s.startWith(t, "leeway 1s")
			answers.BadToken.Check(t, harness.Get(t, g, s.revoked))
			harness.LogIn(t, g, "fresh")
		})
	}
}

func TestRepairOfNoFileSaysSo(t *testing.T) {
	t.Parallel()
	s := makeSoundStore(t)
	for _, way := range []string{"--yes", "--restored"} {
		if printed, code := operating.Run(t, s.gate, "repair", way); code != 1 || !strings.Contains(printed, "session_gate/revocations.db") || !strings.Contains(printed, "--file says where") {
			t.Errorf("%s exits with %d and prints\n%s", way, code, printed)
		}
	}
}
