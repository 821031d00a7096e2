package operator

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
	"github.com/sessiongate/sessiongate/tests/operating"
)

// CONTRACT §5: a session that an operator revokes at one gate is refused at every gate as
// soon as the command ends.
func TestOperatorRevokes(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		gates := operating.Pair(t, store)
		a, z := gates[0], gates[len(gates)-1]
		everywhere := "this gate, its only one, refuses from now on"
		if len(gates) > 1 {
			everywhere = "It holds at every gate after"
		}
		refused := func(token string) {
			t.Helper()
			for _, g := range gates {
				answers.BadToken.Check(t, harness.Get(t, g, token))
			}
		}
		one, other := a.Token(harness.Session("one")), a.Token(harness.Session("other"))
		harness.See(t, z, one, other)
		operating.Check(t, a, 0, []string{"Revoked: the session with the key ", everywhere}, "revoke", "--session", "one", "--reason", "lost laptop")
		refused(one)
		operating.Check(t, z, 1, []string{"revoked  session, key ", ` by an operator, who gave the reason "lost laptop"`}, "check", one)
		operating.Check(t, z, 0, []string{` by an operator, who gave the reason "lost laptop"`}, "list", "--subject", "alice")
		harness.CheckAdmitted(t, harness.Get(t, z, other))

		byID := a.Token(harness.Session("other", "jti", "leaked"))
		operating.Check(t, a, 0, []string{"Revoked: the token with the key "}, "revoke", "--token", "leaked")
		refused(byID)
		harness.CheckAdmitted(t, harness.Get(t, z, other))
		printed, code := operating.Feed(t, a, "Bearer "+other+"\n", "revoke", "--token-file", "-")
		if code != 0 || strings.Count(printed, "Revoked: ") != 2 || strings.Contains(printed, other) {
			t.Errorf("revoking a whole token exits with %d and prints\n%s", code, printed)
		}
		refused(other)

		for by, flags := range map[string][]string{
			"subject": {"--subject", "alice"}, "issuer": {"--issuer-before"},
		} {
			old, kept := a.Token(harness.Session(by+"-old")), a.Token(harness.Session(by+"-kept"))
			harness.See(t, z, old, kept)
			operating.Check(t, a, 0, []string{"Revoked: all that ", everywhere}, append([]string{"revoke", "--except-session", by + "-kept"}, flags...)...)
			again := a.Token(harness.Session(by + "-login")) // right after the command
			refused(old)
			for _, g := range gates {
				harness.CheckAdmitted(t, harness.Get(t, g, kept))
				harness.CheckAdmitted(t, harness.Get(t, g, again))
			}
		}
		for _, g := range gates {
			if strings.Contains(g.Logs(), "panic") {
				t.Error("a gate panicked")
			}
		}
		if !strings.Contains(a.Logs(), "lost laptop") {
			t.Error("the reason is not in the log")
		}
	})
}

// Fault: an operator mistypes a session at night, and the receipt says that it is revoked.
func TestOperatorIsAskedAboutWhatNoGateHasSeen(t *testing.T) {
	t.Parallel()
	harness.EachStore(t, func(t *testing.T, store string) {
		gates := operating.Pair(t, store)
		a, z := gates[0], gates[len(gates)-1]
		token := a.Token(harness.Session("laptop"))
		says := []string{"Error: ", "HTTP 409", "nothing was revoked", "no gate has seen", "--unseen"}
		operating.Check(t, a, 1, says, "revoke", "--session", "laptop")
		operating.Check(t, a, 1, says, "revoke", "--subject", "alice")
		harness.See(t, z, token) // nothing was revoked
		operating.Check(t, a, 0, []string{"Revoked: the session with the key "}, "revoke", "--session", "laptop")
		answers.BadToken.Check(t, harness.Get(t, z, token))
		operating.Check(t, a, 0, []string{"Revoked: "}, "revoke", "--session", "laptop") // safe to repeat
		operating.Check(t, a, 0, []string{"Revoked: "}, "revoke", "--session", "tablet", "--unseen")
		answers.BadToken.Check(t, harness.Get(t, z, a.Token(harness.Session("tablet"))))
		operating.Check(t, a, 0, []string{"Nobody could look whether it exists: gates do not note token ids"}, "revoke", "--token", "an-id")
	})
}

// Fault: a gate is frozen. The receipt says that the gate did not answer, and that the
// command waited for its lease. When the gate continues, it refuses the session.
func TestReceiptNamesTheGates(t *testing.T) {
	t.Parallel()
	store := harness.Redis(redistest.Address(t))
	gates := operating.Pair(t, store)
	a, b := gates[0], gates[1]
	idA, others, took := operating.ReceiptGates(t, a, "one")
	idB, _, _ := operating.ReceiptGates(t, b, "two")
	if len(others) != 1 || others[idB] != "applied" || idA == idB || took > 0.9 {
		t.Errorf("the receipt of %s names %v after %v s, want %s", idA, others, took, idB)
	}
	operating.CheckHealth(t, a, 0, "this one is "+idA)
	operating.Check(t, a, 0, []string{idA + "  at once; it was asked", idB + "  after "}, "revoke", "--unseen", "--session", "three")

	token := a.Token(harness.Session("frozen"))
	harness.See(t, b, token)
	b.Signal(syscall.SIGSTOP)
	t.Cleanup(func() { b.Signal(syscall.SIGCONT) })
	// The frozen gate may not have written yet that it has seen the session.
	printed := operating.Check(t, a, 0, []string{"It holds at every gate after ", idB + "  did not confirm: a lease had to pass, "}, "revoke", "--unseen", "--session", "frozen")
	if strings.Contains(printed, idB+"  after") {
		t.Errorf("a frozen gate is said to have had it:\n%s", printed)
	}
	b.Signal(syscall.SIGCONT)
	if got := harness.Get(t, b, token); got.Status != 401 && got.Status != 503 {
		t.Errorf("the gate that was frozen answers %d", got.Status)
	}
	harness.Eventually(t, 10*time.Second, "it refuses", func() bool { return harness.Get(t, b, token).Status == 401 })
}

// Fault: the store is unreachable. The command says that the revocation is not confirmed,
// where it holds, and what to do.
func TestOperatorRevokesWithoutAStore(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "away")})
	token := g.Token(harness.Session("laptop"))
	harness.See(t, g, token)
	redis.Stop()
	operating.Check(t, g, 1, []string{"Error: ", "HTTP 503", "the revocation holds at this gate, which retries until the store has it", "repeat the call"}, "revoke", "--session", "laptop")
	if got := harness.Get(t, g, token); got.Status == 200 {
		t.Error("it does not hold at the gate that was asked")
	}
	printed := operating.Check(t, g, 0, []string{"1 revocations are held, some of them not in the store yet", "session  1"}, "list")
	if strings.Contains(printed, "laptop") {
		t.Errorf("the list names the session:\n%s", printed)
	}
}

func TestErrorsTellAnOperatorWhatIsWrong(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	for want, arguments := range map[string][]string{
		"by exactly one of session, token, subject and issuer_before": {"revoke"},
		"except_session is for subject and issuer_before":             {"revoke", "--session", "a", "--except-session", "b"},
		"before is for subject and issuer_before":                     {"revoke", "--session", "a", "--before", "2020-01-01T00:00:00Z"},
		"before is in the future":                                     {"revoke", "--subject", "a", "--before", "2999-01-01T00:00:00Z"},
		"an instant after 1970":                                       {"revoke", "--subject", "a", "--before", "yesterday"},
		"the issuers are https://":                                    {"revoke", "--session", "a", "--issuer", "https://evil.example"},
		"a line of at most 200 bytes":                                 {"revoke", "--session", "a", "--reason", "two\nlines"},
		"unknown flag":                                                {"revoke", "--sid", "a"},
		"a number from 1 to 1000":                                     {"list", "--subject", "a", "--limit", "0"},
		"there is none; give it with --file":                          {"check", "--file", os.DevNull},
	} {
		printed, code := operating.Operate(t, g, arguments...)
		if code == 0 || !strings.Contains(printed, want) {
			t.Errorf("%q exits with %d and prints\n%s\nwant %q", arguments, code, printed, want)
		}
	}
	if got := operating.StateOf(t, g).Revocations; got != 0 {
		t.Errorf("%d revocations are held", got)
	}
}

func TestOperatorListsSessions(t *testing.T) {
	t.Parallel()
	g := harness.Start(t, harness.Config{})
	for i := range 5 {
		harness.See(t, g, g.Token(harness.Session(fmt.Sprint("session-", i))))
	}
	operating.Check(t, g, 0, []string{"Revoked"}, "revoke", "--session", "session-2")
	printed := operating.Check(t, g, 0, []string{`"session-0"`, `"session-4"`, "live", "revoked"}, "list", "--subject", "alice")
	if strings.Count(printed, "\n") != 6 {
		t.Errorf("the list is\n%s", printed)
	}
	operating.Check(t, g, 0, []string{"There are more: --after "}, "list", "--subject", "alice", "--limit", "2")
	operating.Check(t, g, 0, []string{`No session of "nobody"`}, "list", "--subject", "nobody")
	operating.Check(t, g, 0, []string{"1 revocations are held.", "session  1", "token    0"}, "list")
	operating.Check(t, g, 0, []string{"Revoked: all that "}, "revoke", "--subject", "alice", "--before", "2020-01-01T00:00:00Z")
	operating.Check(t, g, 0, []string{"Tokens issued up to 2020-01-01T00:00:00Z are revoked"}, "list", "--subject", "alice")
	if info, err := os.Stat(filepath.Join(g.Dir(), "admin.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v (%v), want for its user only", info, err)
	}
}
