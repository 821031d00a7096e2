package operator

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// Fault: Redis hangs, and so does whoever asks why a user cannot get in. The gate answers by
// what it holds, and says what nobody knows now.
func TestOperatorIsAnsweredWhileTheStoreHangs(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "hangs")})
	token := g.Token(harness.Session("laptop"))
	harness.See(t, g, token)
	operating.Check(t, g, 0, nil, "revoke", "--session", "laptop", "--reason", "lost")
	operating.Check(t, g, 1, []string{`the reason "lost"`}, "check", token)
	redis.Freeze()
	defer redis.Thaw()
	operating.Check(t, g, 1, []string{"NO  revocation  its session is revoked", "(unknown since when: the store did not answer"}, "check", token)
	operating.Check(t, g, 1, []string{"Error: asking the gate at ", "HTTP 503", "listing the sessions of a subject"}, "list", "--subject", "alice")
}

// CONTRACT §5: `check <token>` explains each step of the decision, and its exit
// status is the decision.
func TestOperatorChecksATokenStepByStep(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	now := time.Now()
	revoked := g.Token(harness.Session("over"))
	operating.Check(t, g, 0, nil, "revoke", "--unseen", "--session", "over")
	for name, c := range map[string]struct {
		token string
		code  int
		says  []string
	}{
		"good":    {g.Token(harness.Session("s-1")), 0, []string{"A request with this token is admitted.", "ok  signature", "ok  freshness", `"s-1", key `}},
		"revoked": {revoked, 1, []string{"answered 401 (revoked)", "ok  signature", "NO  revocation  its session is revoked, key "}},
		"expired": {g.Token(map[string]any{"iat": now.Unix() - 900, "exp": now.Unix() - 600}), 1, []string{"answered 401 (expired)", "NO  time", "expires 10m", "expected: now from ", `subject   "alice", key `}},
		"forged":  {tokentest.Mint(t, harness.NewKey(), tokentest.Claims(now, nil)), 1, []string{"answered 401 (invalid)", "NO  signature", "signature does not verify", `expected: alg `, `found: alg `, "Unverified claims", `subject   "alice"`}},
		"audience": {
			g.Token(harness.Session("s-1", "aud", "other")), 1,
			[]string{"answered 401 (invalid)", "NO  audience", `expected: aud "`, `found: aud "other"`, `session   "s-1", key `},
		},
		"malformed": {"gone.fishing", 1, []string{"answered 401 (malformed)", "NO  form"}},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(file, []byte(c.token+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			printed := operating.Check(t, g, c.code, c.says, "check", "--file", file)
			if piped, code := operating.Feed(t, g, c.token, "check", "-"); code != c.code || !strings.HasPrefix(piped, printed[:strings.Index(printed, "\n")]) {
				t.Errorf("from the standard input it exits with %d and prints\n%s", code, piped)
			}
			operating.Check(t, g, c.code, c.says[:1], "check", c.token)
			if got := harness.Get(t, g, c.token); (got.Status == 200) != (c.code == 0) {
				t.Errorf("a request with it is answered %d", got.Status)
			}
		})
	}
	// A script must not mistake its own error for a refused token.
	for _, mistaken := range [][]string{{"--bogus"}, {"a", "b"}, {""}, {"--file", ""}, {"a", "--file", "b"}, {"--file", "gone"}} {
		operating.Check(t, g, 2, []string{"Error: "}, append([]string{"check"}, mistaken...)...)
	}
	if printed, code := operating.Run(t, g, "check", "a", "--config", "gone"); code != 2 || !strings.Contains(printed, "gone") {
		t.Errorf("without its configuration it exits with %d and prints\n%s", code, printed)
	}
	g.Stop()
	if printed, code := operating.Operate(t, g, "check", revoked); code != 2 || !strings.Contains(printed, "does it run there") || strings.Contains(printed, revoked) {
		t.Errorf("without a gate it exits with %d and prints\n%s", code, printed)
	}
}
