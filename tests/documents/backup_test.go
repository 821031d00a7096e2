package documents

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Accident: the disk with the bolt file is lost. A backup that was made by the steps of the
// page, under traffic, keeps the sessions that were revoked before it: they stay refused,
// also with tokens of later.
func TestABackupOfABusyFileIsRestored(t *testing.T) {
	t.Parallel()
	data, backup := t.TempDir(), t.TempDir()
	path := filepath.Join(data, "revocations.db")
	g := harness.Start(t, harness.Config{Store: "store bolt " + path, App: "leeway 1s"})
	sh := shellOf(t, g, "0", "/data/caddy/session_gate", data, "/backup", backup)
	before, live := g.Token(harness.Session("revoked before")), g.Token(harness.Session("never revoked"))
	harness.See(t, g, live)
	answers.Invalidated.Check(t, harness.End(t, g, before))
	traffic := harness.StartTraffic(t, g)
	traffic.More(t, 50)
	if said := sh.run(t, operations, "for try in 1 2 3 4 5 6 7 8; do\n\tcp /data/caddy"); !strings.Contains(said, "is not damaged") {
		t.Errorf("the check of the copy says\n%s", said)
	}
	traffic.Stop()
	traffic.Check(t)
	after := g.Token(harness.Session("revoked after"))
	answers.Invalidated.Check(t, harness.End(t, g, after))

	g.Stop()
	for _, lost := range []string{path, path + ".init"} {
		if err := os.Remove(lost); err != nil {
			t.Fatal(err)
		}
	}
	if said := sh.run(t, operations, "cp /backup/revocations.db "); !strings.Contains(said, "users have to log in again") {
		t.Errorf("the command says\n%s", said)
	}
	g.Restart()
	for _, token := range []string{before, after, live} {
		answers.BadToken.Check(t, harness.Get(t, g, token))
	}
	harness.LogIn(t, g, "fresh")
	answers.BadToken.Check(t, harness.Get(t, g, g.Token(harness.Session("revoked before"))))
	harness.CheckAdmitted(t, harness.Get(t, g, g.Token(harness.Session("revoked after")))) // as step 4 says
}

// Fault: the copy of a busy file is torn. The step that makes backups must not keep it in
// place of the last sound one.
func TestATornCopyIsNoBackup(t *testing.T) {
	t.Parallel()
	data, backup := t.TempDir(), t.TempDir()
	path := filepath.Join(data, "revocations.db")
	g := harness.Start(t, harness.Config{Store: "store bolt " + path})
	answers.Invalidated.Check(t, harness.End(t, g, g.Token(harness.Session("revoked"))))
	g.Stop()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(backup, "revocations.db"), "the last sound one")
	write(t, path, string(content[:len(content)/2]))
	sh := shellOf(t, g, "0", "/data/caddy/session_gate", data, "/backup", backup)
	said, err := sh.try(t, blockOf(t, operations, "for try in 1 2 3 4 5 6 7 8; do\n\tcp /data/caddy"))
	if err == nil {
		t.Error("the step succeeds")
	}
	kept, err := os.ReadFile(filepath.Join(backup, "revocations.db"))
	if err != nil || string(kept) != "the last sound one" {
		t.Errorf("a torn copy was kept (%v); it says\n%s", err, said)
	}
	if !strings.Contains(said, "nothing was changed") {
		t.Errorf("the check of the copy says\n%s", said)
	}
}
