package caddymodule

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
)

// outcome is what a gate made of a revocation.
func outcome(gate, outcome string, after operator.Seconds) operator.ReceiptGate {
	return operator.ReceiptGate{Gate: gate, Outcome: outcome, AfterSeconds: after}
}

func TestTheReceiptIsReadAtNight(t *testing.T) {
	instant := time.Unix(1_800_000_000, 0)
	one := []operator.Revoked{{Kind: "session", Key: "0011aabb"}}
	for name, c := range map[string]struct {
		receipt operator.Receipt
		want    string
	}{
		"one machine": {
			operator.Receipt{Issuer: "https://a", Revoked: one, Position: 7, TookSeconds: 0.0004},
			"Revoked: the session with the key 0011aabb of https://a.\n" +
				"It is in the store of this machine, and this gate, its only one, refuses from now on. It took 0s.\n",
		},
		"a fleet": {
			operator.Receipt{Issuer: "https://a", Revoked: one, Shared: true, Position: 7, TookSeconds: 0.003, Gate: "aaaa", Gates: []operator.ReceiptGate{outcome("bbbb", "applied", 0.002)}},
			"Revoked: the session with the key 0011aabb of https://a.\nIt holds at every gate after 3ms.\nThe revocation log holds it by entry 7.\n\n" +
				"GATE  HAD IT\naaaa  at once; it was asked\nbbbb  after 2ms\n",
		},
		"a frozen gate, and one that left": {
			operator.Receipt{
				Issuer: "https://a", Revoked: []operator.Revoked{{Kind: "subject", Key: "00", NotBefore: &instant}}, Shared: true, Position: 7,
				TookSeconds: 3.1, Gate: "aaaa", Gates: []operator.ReceiptGate{outcome("bbbb", "fenced", 3.09), outcome("cccc", "left", 0.2)}, LeaseSeconds: 3.09,
			},
			"Revoked: all that https://a issued up to 2027-01-15T08:00:00Z to the subject, key 00.\nIt holds at every gate after 3.1s.\n" +
				"A lease had to pass, 3.09s: not every gate said that it had it.\nThe revocation log holds it by entry 7.\n\n" +
				"GATE  HAD IT\naaaa  at once; it was asked\n" +
				"bbbb  not heard of: a lease had to pass, 3.09s, and it admits nothing until it has caught up\n" +
				"cccc  it left, seen after 200ms: it stopped, or had sent no heartbeat for a lease, and admits nothing\n",
		},
		"a young log": {
			operator.Receipt{Issuer: "https://a", Revoked: []operator.Revoked{{Kind: "issuer", Key: "00", NotBefore: &instant}}, Shared: true, Position: 7, TookSeconds: 3, Gate: "aaaa", LeaseSeconds: 3, Unsettled: true},
			"Revoked: all that https://a issued up to 2027-01-15T08:00:00Z, key 00.\nIt holds at every gate after 3s.\n" +
				"A lease had to pass, 3s: the log was begun anew a moment ago, and a gate that is not listed may have been admitting.\n" +
				"The revocation log holds it by entry 7.\n\nGATE  HAD IT\naaaa  at once; it was asked\n",
		},
		"a large fleet": {
			operator.Receipt{Issuer: "https://a", Revoked: one, Shared: true, Position: 7, TookSeconds: 0.2, Gate: "aaaa", Gates: []operator.ReceiptGate{outcome("bbbb", "applied", 0.1)}, Others: 967},
			"Revoked: the session with the key 0011aabb of https://a.\nIt holds at every gate after 200ms.\nThe revocation log holds it by entry 7.\n\n" +
				"GATE        HAD IT\naaaa        at once; it was asked\nbbbb        after 100ms\n967 others  by then, or admitting nothing\n",
		},
		"gates that are on no list": {
			operator.Receipt{Issuer: "https://a", Revoked: one, Shared: true, Position: 7, TookSeconds: 3.1, Gate: "aaaa", LeaseSeconds: 3.09, Unlisted: true, Unsettled: true},
			"Revoked: the session with the key 0011aabb of https://a.\nIt holds at every gate after 3.1s.\n" +
				"A lease had to pass, 3.09s: there are gates that say nothing (acknowledge lease).\n" +
				"The revocation log holds it by entry 7.\n\nGATE  HAD IT\naaaa  at once; it was asked\n",
		},
		"the store alone": {
			operator.Receipt{Issuer: "https://a", Revoked: one, Shared: true, Position: 7, TookSeconds: 0.001, Gate: "aaaa", StoreOnly: true, Gates: []operator.ReceiptGate{outcome("bbbb", "not_waited_for", 0)}, Others: 2},
			"Revoked: the session with the key 0011aabb of https://a.\n" +
				"The store has it after 1ms. The other gates were not waited for (acknowledge store) and follow within a lease.\n" +
				"The revocation log holds it by entry 7.\n\nGATE      HAD IT\naaaa      at once; it was asked\nbbbb      not waited for\n2 others  not waited for\n",
		},
	} {
		var printed strings.Builder
		if err := describeReceipt(c.receipt, &printed); err != nil || printed.String() != c.want {
			t.Errorf("%s: error %v, printed\n%s\nwant\n%s", name, err, printed.String(), c.want)
		}
	}
}

func TestTheCommandsAskAndPrint(t *testing.T) {
	app := operatortest.New(t)
	good := app.Mint(t, map[string]any{"sid": "s-1"})
	app.WantAdmitted(t, good, true)
	c := directly(t, app)
	run := func(name string, do func(w *strings.Builder) error, status int, says ...string) {
		t.Helper()
		var printed strings.Builder
		err := do(&printed)
		got := 0
		if err != nil {
			got = 1
			var with exit
			if errors.As(err, &with) {
				got = with.status
			}
		}
		if got != status {
			t.Errorf("%s ends with %d (%v), want %d", name, got, err, status)
		}
		for _, want := range says {
			if !strings.Contains(printed.String(), want) {
				t.Errorf("%s prints\n%s\nwant %q in it", name, printed.String(), want)
			}
		}
		if strings.Contains(printed.String(), good) {
			t.Errorf("%s prints the token", name)
		}
	}
	check := func(w *strings.Builder) error { return c.check(w, good, false) }
	run("check", check, 0, "A request with this token is admitted.", "ok  signature", `"s-1", key `)
	run("list", func(w *strings.Builder) error { return c.list(w, "", "alice", "", 10, false) }, 0, `"s-1"`, "live")
	run("revoke", func(w *strings.Builder) error { return c.revoke(w, revokeWords{Session: "s-1"}, false) }, 0, "Revoked: the session")
	run("check", check, 1, "is answered 401 (revoked)", "NO  revocation", "its session is revoked")
	run("list", func(w *strings.Builder) error { return c.list(w, "", "alice", "", 10, false) }, 0, `"s-1"`, "revoked")
	run("list", func(w *strings.Builder) error { return c.list(w, "", "", "", 10, false) }, 0, "1 revocations are held.", "session")
	run("list of nobody", func(w *strings.Builder) error { return c.list(w, "", "bob", "", 10, false) }, 0, `No session of "bob"`)
	run("revoke nothing", func(w *strings.Builder) error { return c.revoke(w, revokeWords{}, false) }, 1)
	run("as JSON", func(w *strings.Builder) error { return c.check(w, good, true) }, 1, `"reason":"revoked"`)
	away := client(func(time.Duration, string, string, any) ([]byte, error) { return nil, errors.New("connection refused") })
	run("check without a gate", func(w *strings.Builder) error { return away.check(w, good, false) }, 2)
	other := client(func(time.Duration, string, string, any) ([]byte, error) { return []byte("<html>"), nil })
	run("check of something else", func(w *strings.Builder) error { return other.check(w, good, false) }, 2)
}

// What is copied from a request or a file is a token all the same.
func TestATokenIsReadAsPeopleCopyIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	for text, want := range map[string]string{
		"abc": "abc", " abc\r\n": "abc", "Bearer abc\n": "abc", "bearer  abc": "abc", "Bearer": "Bearer", "": "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := tokenFrom(path); err != nil || got != want {
			t.Errorf("%q is read as %q, error %v", text, got, err)
		}
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][2]string{{"", ""}, {"x", path}, {"", path + ".none"}, {"", empty}} {
		if raw, err := argumentToken(c[0], c[1]); err == nil || !strings.HasPrefix(err.Error(), "reading the token: ") {
			t.Errorf("of %q there is %q, error %v", c, raw, err)
		}
	}
	words := revokeWords{Token: "x"}
	if err := words.complete(path, ""); err == nil {
		t.Error("two tokens were taken")
	}
	words = revokeWords{}
	if err := words.complete(empty, ""); err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("an empty file is no token: %v", err)
	}
	words = revokeWords{Subject: "alice"}
	if err := words.complete("", "1800000000"); err != nil || words.Before != int64(1_800_000_000) {
		t.Errorf("before is %v, error %v", words.Before, err)
	}
	if err := words.complete("", "2027-01-15T08:00:00Z"); err != nil || words.Before != "2027-01-15T08:00:00Z" {
		t.Errorf("before is %v, error %v", words.Before, err)
	}
}
