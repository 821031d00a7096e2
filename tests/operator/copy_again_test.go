package operator

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/store/boltstore"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// crowd puts revoked sessions into a file that no gate has open, and others seen sessions
// and learned tokens each.
func crowd(t *testing.T, path string, revoked, others int) {
	t.Helper()
	s, err := boltstore.Open(boltstore.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	expires := time.Now().Add(20 * time.Hour).Unix()
	key := func(kind store.Kind, name string) store.Key {
		return store.NewKey("default", kind, tokentest.Issuer, name)
	}
	var entry []store.Revocation
	for i := range revoked {
		entry = append(entry, store.Revocation{Kind: store.KindSession, Key: key(store.KindSession, fmt.Sprint("crowd ", i)), Expires: expires})
		if len(entry) == 500 || i == revoked-1 {
			if _, err := s.Append(t.Context(), entry...); err != nil {
				t.Fatal(err)
			}
			entry = nil
		}
	}
	var seen []store.Session
	var learned []store.Grant
	for i := range others {
		name := fmt.Sprint("other ", i)
		seen = append(seen, store.Session{Issuer: tokentest.Issuer, ID: name, Subject: fmt.Sprint("subject ", i%500), FirstSeen: 1, LastSeen: 2, Expires: expires})
		learned = append(learned, store.Grant{Token: key(store.KindToken, name), Families: []store.Key{key(store.KindSession, name)}, IssuedAt: 1, Expires: expires})
	}
	if err := errors.Join(s.Seen(t.Context(), seen...), s.Learn(t.Context(), learned...), s.Close()); err != nil {
		t.Fatal(err)
	}
}

// interrupt starts a copy and ends it by a signal after a while. It returns the exit
// status, or -1 if the copy was killed.
func interrupt(t *testing.T, g *harness.Gate, signal os.Signal, after time.Duration, arguments ...string) int {
	t.Helper()
	command := exec.CommandContext(t.Context(), harness.Binary(t), append([]string{"session-gate", "copy"}, arguments...)...)
	command.Dir = g.Dir()
	command.Env = append(os.Environ(), "XDG_DATA_HOME="+g.Dir(), "XDG_CONFIG_HOME="+g.Dir(), "GATE_DIR="+g.Dir(), "UPSTREAM=127.0.0.1:1", "GATE_PORT=1", "GATE_OPS_PORT=2")
	var printed strings.Builder
	command.Stdout, command.Stderr = &printed, &printed
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = command.Process.Signal(signal) }) // it may have ended
	defer timer.Stop()
	_ = command.Wait() // the status shows the result
	code := command.ProcessState.ExitCode()
	if code == 1 && !strings.Contains(printed.String(), "interrupted; run the same command again") {
		t.Errorf("the copy failed, and prints\n%s", printed.String())
	}
	return code
}

// Fault: the copy is interrupted at any point, by Ctrl-C or kill -9. The source still
// serves. After a completed copy, the target refuses every session that the source
// confirmed as revoked. Ctrl-C leaves no pause.
func TestACopyMayBeInterruptedAndRepeated(t *testing.T) {
	t.Parallel()
	const revoked, others = 40_000, 4_000
	g := harness.Start(t, harness.Config{Store: "store bolt {$GATE_DIR}/revocations.db", App: "lease 1s"})
	g.Stop()
	crowd(t, filepath.Join(g.Dir(), "revocations.db"), revoked, others)
	g.Restart()
	redis := harness.Redis(redistest.Start(t).Addr(), "default")
	to := caddyfileOf(t, g, "Caddyfile.redis", redis)
	after := harness.Start(t, harness.Config{Store: redis, Key: g.Key})
	var confirmed []string
	done, early, paused := 0, 0, 0
	for round := 1; done < 2 && round < 60; round++ {
		signal := []os.Signal{os.Interrupt, syscall.SIGKILL}[round%2]
		code := interrupt(t, g, signal, time.Duration(round)*80*time.Millisecond, "--from", "Caddyfile", "--to", to)
		token := g.Token(harness.Session(fmt.Sprint("round ", round)))
		got := harness.End(t, g, token)
		switch {
		case got.Status == 200:
			confirmed = append(confirmed, token)
		case got.Status == 503 && code != 1:
			paused++
			checkRuns(t, g, 0, nil, "copy", "--resume", "--from", "Caddyfile")
		default:
			t.Errorf("round %d: the copy exits with %d, and then a logout is answered %d %s", round, code, got.Status, got.Body)
		}
		harness.CheckAdmitted(t, harness.Get(t, g, g.Token(harness.Session("live"))))
		if code == 0 {
			done++
		} else {
			early++
		}
	}
	t.Logf("%d copies were interrupted and %d not; the source was paused after %d", early, done, paused)
	if done < 2 || early < 3 {
		t.Errorf("%d copies were interrupted and %d not", early, done)
	}
	checkRuns(t, g, 0, []string{"Done. "}, "copy", "--from", "Caddyfile", "--to", to)
	for _, token := range confirmed {
		answers.BadToken.Check(t, harness.Get(t, after, token))
	}
	if held := operating.StateOf(t, after).Revocations; held < revoked+len(confirmed) {
		t.Errorf("%d revocations are held, want %d", held, revoked+len(confirmed))
	}
	for _, i := range []int{0, 1, 499, 500, revoked / 2, revoked - 1} {
		answers.BadToken.Check(t, harness.Get(t, after, after.Token(harness.Session(fmt.Sprint("crowd ", i)))))
	}
	operating.Check(t, after, 0, []string{`"other 7"`, `"other 3507"`}, "list", "--subject", "subject 7")
}
