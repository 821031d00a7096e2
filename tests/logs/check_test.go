package logs

import (
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// Attack: read the logs of a gate, at debug level, after an operator has pasted a leaked
// token (Invariant 10).
func TestWhatOperatorsPasteIsNotLogged(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{Global: "debug"})
	good, forged := g.Token(harness.Session("canary-session", "jti", "canary-token-id", "sub", "canary-subject")),
		tokentest.Mint(t, harness.NewKey(), tokentest.Claims(time.Now(), harness.Session("canary-session")))
	secret := canaries{"session id": "canary-session", "token id": "canary-token-id", "subject": "canary-subject"}
	secret.addToken("token", good)
	secret.addToken("forged token", forged)
	harness.See(t, g, good)
	for _, raw := range []string{good, forged, "canary-session.broken"} {
		for _, arguments := range [][]string{{"check", "-"}, {"revoke", "--token-file", "-"}} {
			printed, _ := operating.Feed(t, g, raw, arguments...)
			for name, canary := range secret {
				if strings.Contains(name, "signature") && strings.Contains(printed, canary) {
					t.Errorf("%q prints the %s", arguments, name)
				}
			}
		}
	}
	for _, arguments := range [][]string{
		{"list", "--subject", "canary-subject"},
		{"list"},
		{"revoke", "--session", "canary-session", "--reason", "a reason"},
		{"revoke", "--subject", "canary-subject", "--except-session", "canary-session"},
		{"revoke", "--token", "canary-token-id"},
		{"revoke", "--session", "canary-session", "--issuer", "https://canary-session.example"},
		{"revoke", "--session", "canary-session", "--except-session", "canary-session"},
		{"list", "--subject", "canary-subject", "--after", "00000000.1"},
	} {
		operating.Operate(t, g, arguments...)
	}
	logs := g.Logs()
	secret.check(t, "the log", logs)
	for _, want := range []string{"session_revoked", "a revocation holds everywhere", `"source":"admin"`, "a reason"} {
		if !strings.Contains(logs, want) {
			t.Errorf("%q is not in the log", want)
		}
	}
}
