package events

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// example returns the block events of the page, with another command.
func example(t *testing.T, command string) string {
	t.Helper()
	const begin, end = "\tevents {\n", "\n\t}\n"
	blocks := harness.Blocks(t, "docs/operations.md")
	at := slices.IndexFunc(blocks, func(b harness.Block) bool { return b.Language == "caddyfile" && strings.Contains(b.Text, begin) })
	if at < 0 {
		t.Fatal("docs/operations.md has no Caddyfile with events")
	}
	_, events, _ := strings.Cut(blocks[at].Text, begin)
	events, _, _ = strings.Cut(events, end)
	return strings.ReplaceAll(begin+events+end, "/usr/local/bin/session-revoked", command)
}

// The example of the page starts its command for each revocation, with the data of the event.
// A reason is one argument, whatever is in it.
//
// Attack: an operator's script gives a reason with `;` and `$(…)` in it, and a shell runs it.
func TestAnEventStartsACommand(t *testing.T) {
	dir := t.TempDir()
	script, told := filepath.Join(dir, "told.sh"), filepath.Join(dir, "told")
	text := fmt.Sprintf("#!/bin/sh\nprintf '%%s|' \"$@\" >> %q\necho >> %q\n", told, told)
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	g := harness.Start(t, harness.Config{Binary: binary, Global: example(t, script)})
	token := g.Token(harness.Session("canary-session"))
	harness.See(t, g, token)
	answers.Invalidated.Check(t, harness.End(t, g, token))
	const reason = "a; touch /tmp/canary $(b) 'c'"
	if printed, code := operating.Operate(t, g, "revoke", "--unseen", "--subject", "bob", "--issuer", tokentest.Issuer, "--reason", reason); code != 0 {
		t.Fatalf("revoke exits with %d and prints\n%s", code, printed)
	}
	key := func(kind store.Kind, value string) string {
		return store.NewKey("default", kind, tokentest.Issuer, value).String()
	}
	want := fmt.Sprintf("session|%s|endpoint|%s||\nsubject|%s|admin|%s|%s|\n", key(store.KindSession, "canary-session"), tokentest.Issuer,
		key(store.KindSubject, "bob"), tokentest.Issuer, reason)
	got := ""
	for deadline := time.Now().Add(10 * time.Second); got != want && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		content, _ := os.ReadFile(told) // it is not there before the first event
		got = string(content)
	}
	if got != want {
		t.Errorf("the command was told\n%s\nwant\n%s", got, want)
	}
}
