package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/store/redisstore/redistest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// feed is operate with something on the standard input.
func feed(t *testing.T, g *harness.Gate, input string, arguments ...string) (printed string, code int) {
	t.Helper()
	arguments = append(append([]string{"session-gate"}, arguments...), "--address", socket(g))
	command := exec.CommandContext(t.Context(), harness.Binary(t), arguments...)
	command.Dir, command.Stdin = g.Dir(), strings.NewReader(input)
	output, err := command.CombinedOutput()
	if command.ProcessState == nil {
		t.Fatalf("running %q: %v", arguments, err)
	}
	return string(output), command.ProcessState.ExitCode()
}

// checkOperates fails the test unless a command exits and prints as it should.
func checkOperates(t *testing.T, g *harness.Gate, code int, says []string, arguments ...string) (printed string) {
	t.Helper()
	printed, got := operate(t, g, arguments...)
	if got != code {
		t.Errorf("%q exits with %d, want %d:\n%s", arguments, got, code, printed)
	}
	for _, want := range says {
		if !strings.Contains(printed, want) {
			t.Errorf("%q prints\n%s\nwant %q in it", arguments, printed, want)
		}
	}
	return printed
}

// pair is two gates of a fleet, or one on bolt.
func pair(t *testing.T, store string) (gates []*harness.Gate) {
	t.Helper()
	a := harness.Start(t, harness.Config{Store: store})
	gates = append(gates, a)
	if strings.HasPrefix(store, "store redis") {
		b := harness.Start(t, harness.Config{Store: store, Key: a.Key})
		gates = append(gates, b)
		harness.Eventually(t, 20*time.Second, "the log is settled, with two gates", func() bool {
			s := state(t, a)
			return s.State == "settled" && s.Gates == 2 && state(t, b).State == "settled"
		})
	}
	return gates
}

// CONTRACT §5: what an operator revokes at one gate is refused at every gate as soon
// as the command ends.
func TestOperatorRevokes(t *testing.T) {
	harness.EachStore(t, func(t *testing.T, store string) {
		gates := pair(t, store)
		a, z := gates[0], gates[len(gates)-1]
		everywhere := "this gate, its only one, refuses from now on"
		if len(gates) > 1 {
			everywhere = "It holds at every gate after"
		}
		refused := func(token string) {
			t.Helper()
			for _, g := range gates {
				badToken.check(t, get(t, g, token))
			}
		}
		one, other := a.Token(session("one")), a.Token(session("other"))
		see(t, z, one, other)
		checkOperates(t, a, 0, []string{"Revoked: the session with the key ", everywhere}, "revoke", "--session", "one", "--reason", "lost laptop")
		refused(one)
		checkAdmitted(t, get(t, z, other))

		byID := a.Token(session("other", "jti", "leaked"))
		checkOperates(t, a, 0, []string{"Revoked: the token with the key "}, "revoke", "--token", "leaked")
		refused(byID)
		checkAdmitted(t, get(t, z, other))
		printed, code := feed(t, a, "Bearer "+other+"\n", "revoke", "--token-file", "-")
		if code != 0 || strings.Count(printed, "Revoked: ") != 2 || strings.Contains(printed, other) {
			t.Errorf("revoking a whole token exits with %d and prints\n%s", code, printed)
		}
		refused(other)

		for by, flags := range map[string][]string{
			"subject": {"--subject", "alice"}, "issuer": {"--issuer-before"},
		} {
			old, kept := a.Token(session(by+"-old")), a.Token(session(by+"-kept"))
			see(t, z, old, kept)
			checkOperates(t, a, 0, []string{"Revoked: all that ", everywhere}, append([]string{"revoke", "--except-session", by + "-kept"}, flags...)...)
			again := a.Token(session(by + "-login")) // right after the command
			refused(old)
			for _, g := range gates {
				checkAdmitted(t, get(t, g, kept))
				checkAdmitted(t, get(t, g, again))
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

// receiptGates are the gates of a receipt, by their ids.
func receiptGates(t *testing.T, g *harness.Gate, session string) (asked string, others map[string]string, took float64) {
	t.Helper()
	printed, code := operate(t, g, "revoke", "--session", session, "--json")
	var receipt struct {
		Gate        string
		TookSeconds float64 `json:"took_seconds"`
		Gates       []struct {
			Gate, Outcome string
			AfterSeconds  float64 `json:"after_seconds"`
		}
	}
	if err := json.Unmarshal([]byte(printed), &receipt); err != nil || code != 0 {
		t.Fatalf("revoke --json exits with %d and prints\n%s", code, printed)
	}
	others = make(map[string]string)
	for _, gate := range receipt.Gates {
		others[gate.Gate] = gate.Outcome
	}
	return receipt.Gate, others, receipt.TookSeconds
}

// Fault: a gate is frozen. The receipt says that it did not say anything,
// and that its lease was waited for; once it goes on, it refuses.
func TestReceiptNamesTheGates(t *testing.T) {
	store := harness.Redis(redistest.Address(t))
	gates := pair(t, store)
	a, b := gates[0], gates[1]
	idA, others, took := receiptGates(t, a, "one")
	idB, _, _ := receiptGates(t, b, "two")
	if len(others) != 1 || others[idB] != "applied" || idA == idB || took > 0.9 {
		t.Errorf("the receipt of %s names %v after %v s, want %s", idA, others, took, idB)
	}
	checkHealth(t, a, 0, "this one is "+idA)
	checkOperates(t, a, 0, []string{idA + "  at once; it was asked", idB + "  after "}, "revoke", "--session", "three")

	token := a.Token(session("frozen"))
	see(t, b, token)
	b.Signal(syscall.SIGSTOP)
	t.Cleanup(func() { b.Signal(syscall.SIGCONT) })
	printed := checkOperates(t, a, 0, []string{"It holds at every gate after ", idB + "  not heard of: a lease had to pass, "}, "revoke", "--session", "frozen")
	if strings.Contains(printed, idB+"  after") {
		t.Errorf("a frozen gate is said to have had it:\n%s", printed)
	}
	b.Signal(syscall.SIGCONT)
	if got := get(t, b, token); got.Status != 401 && got.Status != 503 {
		t.Errorf("the gate that was frozen answers %d", got.Status)
	}
	harness.Eventually(t, 10*time.Second, "it refuses", func() bool { return get(t, b, token).Status == 401 })
}

// Fault: the store is away. The command says that nobody knows, what holds, and what
// to do.
func TestOperatorRevokesWithoutAStore(t *testing.T) {
	redis := redistest.Start(t)
	g := harness.Start(t, harness.Config{Store: harness.Redis(redis.Addr(), "away")})
	token := g.Token(session("laptop"))
	see(t, g, token)
	redis.Stop()
	checkOperates(t, g, 1, []string{"Error: ", "HTTP 503", "it holds at this gate and is offered to the store", "send the same again"}, "revoke", "--session", "laptop")
	if got := get(t, g, token); got.Status == 200 {
		t.Error("it does not hold at the gate that was asked")
	}
	printed := checkOperates(t, g, 0, []string{"some of them not in the store yet", "only here"}, "list")
	if strings.Contains(printed, "laptop") {
		t.Errorf("the list names the session:\n%s", printed)
	}
}

func TestOperatorIsToldWhatIsWrong(t *testing.T) {
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
		"a number from 1 to 1000":                                     {"list", "--limit", "0"},
		"there is none; give it with --file":                          {"check", "--file", os.DevNull},
	} {
		printed, code := operate(t, g, arguments...)
		if code == 0 || !strings.Contains(printed, want) {
			t.Errorf("%q exits with %d and prints\n%s\nwant %q", arguments, code, printed, want)
		}
	}
	if got := state(t, g).Revocations; got != 0 {
		t.Errorf("%d revocations are held", got)
	}
}

func TestOperatorListsSessions(t *testing.T) {
	g := harness.Start(t, harness.Config{})
	for i := range 5 {
		see(t, g, g.Token(session(fmt.Sprint("session-", i))))
	}
	checkOperates(t, g, 0, []string{"Revoked"}, "revoke", "--session", "session-2")
	printed := checkOperates(t, g, 0, []string{`"session-0"`, `"session-4"`, "live", "revoked"}, "list", "--subject", "alice")
	if strings.Count(printed, "\n") != 6 {
		t.Errorf("the list is\n%s", printed)
	}
	checkOperates(t, g, 0, []string{"There are more: --after "}, "list", "--subject", "alice", "--limit", "2")
	checkOperates(t, g, 0, []string{`No session of "nobody"`}, "list", "--subject", "nobody")
	checkOperates(t, g, 0, []string{"1 revocations are held.", "session", "on the log"}, "list")
	if info, err := os.Stat(filepath.Join(g.Dir(), "admin.sock")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket is %v (%v), want for its user only", info, err)
	}
}
