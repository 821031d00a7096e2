package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// Fault: a second gate is started on the file of the first, and would decide by its own
// set. It ends soon, and names the file and the alternatives.
func TestSecondProcessOnOneFileEnds(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Store: "store bolt {$GATE_DIR}/revocations.db"})
	path := filepath.Join(g.Dir(), "revocations.db")
	second := harness.Prepare(t, harness.Config{Key: g.Key, Store: "store bolt " + path})
	got := second.Command(t, "run")
	if got.Code == 0 || got.Took > 10*time.Second {
		t.Errorf("the second process ended with %d after %v, want an error at once", got.Code, got.Took)
	}
	for _, text := range []string{path, "in use by another process", "redis store"} {
		if !strings.Contains(got.Output, text) {
			t.Errorf("the second process says\n%s\nwant %q in it", got.Output, text)
		}
	}
	token := g.Token(nil)
	answers.Invalidated.Check(t, harness.End(t, g, token))
	answers.BadToken.Check(t, harness.Get(t, g, token))
}

// Fault: the folder of the store cannot be created, or is not a folder.
func TestGateWithoutPlaceForItsFileEnds(t *testing.T) {
	t.Parallel()
	g := harness.Prepare(t, harness.Config{Store: "store bolt {$GATE_DIR}/hmac_secret/deep/revocations.db"})
	got := g.Command(t, "run")
	if path := filepath.Join(g.Dir(), "hmac_secret"); got.Code == 0 || !strings.Contains(got.Output, path) {
		t.Errorf("the gate ended with %d, want an error that names %q:\n%s", got.Code, path, got.Output)
	}
}

// Fault: the disk is full, or read-only. A revocation that is not durable is not confirmed,
// and earlier revocations stay in force. A limit on the size of the process's files makes
// the same calls fail.
func TestDiskThatTakesNothing(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	live, revoked, tried := g.Token(harness.Session("lives on")), g.Token(harness.Session("revoked")), g.Token(harness.Session("tried"))
	harness.See(t, g, live, revoked, tried)
	answers.Invalidated.Check(t, harness.End(t, g, revoked))

	limitFiles(t, g, "0")
	for range 3 {
		answers.Unconfirmed.Check(t, harness.End(t, g, tried))
		harness.CheckAdmitted(t, harness.Get(t, g, live))
		answers.BadToken.Check(t, harness.Get(t, g, revoked))
	}
	limitFiles(t, g, "unlimited")
	confirms(t, g, tried)
	g.Restart()
	for _, token := range []string{revoked, tried} {
		answers.BadToken.Check(t, harness.Get(t, g, token))
	}
	harness.CheckAdmitted(t, harness.Get(t, g, live))
}

// confirms fails the test if no DELETE of a token is confirmed soon. The gate itself
// retries the store. So the store may have the revocation before the next DELETE, which
// then gets 404.
func confirms(t *testing.T, g *harness.Gate, token string) {
	t.Helper()
	harness.Eventually(t, 15*time.Second, "the DELETE is confirmed", func() bool {
		status := harness.End(t, g, token).Status
		return status == 200 || status == 404
	})
}

// limitFiles sets how large a file of the process may become from now on.
func limitFiles(t *testing.T, g *harness.Gate, size string) {
	t.Helper()
	// Without the colon the hard limit would fall, too, and could not rise again.
	command := exec.Command("prlimit", "--pid", fmt.Sprint(g.PID()), "--fsize="+size+":")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("limiting files (prlimit is part of util-linux): %v\n%s", err, output)
	}
}

// Fault: the file of the store is deleted, or replaced by an older copy, while the gate has
// it open. Data written to it is lost with the process, so it is not confirmed. The set in
// memory stays in force.
func TestFileThatIsTakenAwayWhileOpen(t *testing.T) {
	t.Parallel()
	for name, take := range map[string]func(t *testing.T, path string){
		"deleted": func(*testing.T, string) {},
		"replaced": func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("an older copy"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := harness.Start(t, harness.Config{Store: "store bolt {$GATE_DIR}/revocations.db"})
			live, revoked, tried := g.Token(harness.Session("lives on")), g.Token(harness.Session("revoked")), g.Token(harness.Session("tried"))
			harness.See(t, g, live, revoked, tried)
			answers.Invalidated.Check(t, harness.End(t, g, revoked))
			path := filepath.Join(g.Dir(), "revocations.db")
			if err := os.Rename(path, path+".away"); err != nil {
				t.Fatal(err)
			}
			take(t, path)
			for range 2 {
				answers.Unconfirmed.Check(t, harness.End(t, g, tried))
				harness.CheckAdmitted(t, harness.Get(t, g, live))
				answers.BadToken.Check(t, harness.Get(t, g, revoked))
			}
			harness.Eventually(t, 10*time.Second, "the log says what happened", func() bool {
				return strings.Contains(g.Logs(), name+" while in use")
			})
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
			confirms(t, g, tried)
			g.Restart()
			answers.BadToken.Check(t, harness.Get(t, g, tried))
			answers.BadToken.Check(t, harness.Get(t, g, revoked))
			harness.CheckAdmitted(t, harness.Get(t, g, live))
		})
	}
}
