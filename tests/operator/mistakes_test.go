package operator

import (
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// Fault: a variable of a script is not set, and the command does more than was meant: it
// ends the session that was to be kept, or lists something else.
func TestAnEmptyFlagIsNoFlag(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	kept := g.Token(harness.Session("kept"))
	for _, c := range [][]string{
		{"--except-session is empty", "revoke", "--subject", "alice", "--except-session", ""},
		{"--before is empty", "revoke", "--subject", "alice", "--before="},
		{"--issuer is empty", "revoke", "--subject", "alice", "--issuer", ""},
		{"--subject is empty", "list", "--subject", ""},
		{"--issuer goes with --subject", "list", "--issuer", "https://issuer.example"},
		{"--limit goes with --subject", "list", "--limit", "10"},
		{"--token-file is empty", "revoke", "--token-file", ""},
		{"--config is empty", "health", "--config", ""},
		{"--config is empty", "bootstrap", "--config="},
	} {
		operating.Check(t, g, 2, []string{"Error: ", c[0]}, c[1:]...)
	}
	if printed, code := operating.Feed(t, g, "\n", "revoke", "--token-file", "-"); code != 2 {
		t.Errorf("without a token it exits with %d and prints\n%s", code, printed)
	}
	harness.CheckAdmitted(t, harness.Get(t, g, kept))
}
