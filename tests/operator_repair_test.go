package tests

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Fault (F23): the file is damaged. The gate says which command to run, the command
// says what is lost, and a gate that starts then refuses all that was kept.
func TestOperatorRepairsADamagedFile(t *testing.T) {
	s := makeSoundStore(t)
	damaged := zeroed(bytes.Clone(s.content), 0, 4096)
	s.write(t, damaged)
	g := s.start(t, true)
	if logs := g.Logs(); !strings.Contains(logs, "caddy session-gate repair --file") {
		t.Errorf("the log does not name the command:\n%s", logs)
	}
	unavailable.check(t, get(t, g, s.revoked))
	checkRepair := func(code int, says []string, arguments ...string) {
		t.Helper()
		printed, got := run(t, g, append([]string{"repair", "--file", s.path}, arguments...)...)
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
	checkRepair(1, []string{"kept    1 entries with 1 revocations", "nothing was changed"})
	checkRepair(0, []string{"not known where the log ended", "accepted again until it expires"}, "--dry-run")
	if now, err := os.ReadFile(s.path); err != nil || !bytes.Equal(now, damaged) {
		t.Errorf("the file was changed (%v)", err)
	}
	checkRepair(0, []string{"Replaced. The damaged file is kept as "}, "--yes")

	repaired := s.start(t, false)
	badToken.check(t, get(t, repaired, s.revoked))
	fresh := repaired.Token(session("fresh"))
	see(t, repaired, fresh)
	invalidated.check(t, end(t, repaired, fresh))
	checkRepair(1, []string{"in use by another process", "stop the gate first"}, "--yes")
	repaired.Restart()
	badToken.check(t, get(t, repaired, s.revoked))
	badToken.check(t, get(t, repaired, fresh))
	repaired.Stop()
	checkRepair(0, []string{"is not damaged"}, "--yes")
	kept, err := filepath.Glob(s.path + ".damaged-*")
	if err != nil || len(kept) != 2 {
		t.Errorf("kept are %q (%v), want the file and its marker", kept, err)
	}
}

// Attack, and fault: have an operator make an empty store of a file in which there
// is nothing, so that every revoked token is good again.
func TestRepairMakesNoEmptyStore(t *testing.T) {
	s := makeSoundStore(t)
	for name, content := range map[string][]byte{"emptied": {}, "zeros": make([]byte, len(s.content))} {
		s.write(t, content)
		printed, code := run(t, s.gate, "repair", "--file", s.path, "--yes")
		if code != 1 || !strings.Contains(printed, "from a backup") {
			t.Errorf("%s: it exits with %d and prints\n%s", name, code, printed)
		}
		if now, err := os.ReadFile(s.path); err != nil || !bytes.Equal(now, content) {
			t.Errorf("%s: the file was changed (%v)", name, err)
		}
	}
	if printed, code := run(t, s.gate, "repair"); code != 1 || !strings.Contains(printed, "session_gate/revocations.db") || !strings.Contains(printed, "--file says where") {
		t.Errorf("without a file it exits with %d and prints\n%s", code, printed)
	}
}
