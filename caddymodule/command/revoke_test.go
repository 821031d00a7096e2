package command

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/sessiongate/sessiongate/caddymodule/operator"
	"github.com/sessiongate/sessiongate/caddymodule/operator/operatortest"
)

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
	run("check", check, 0, "A request with this token is admitted.", "ok  signature", `"s-1", key `, "DELETE ends  session: every token of the session")
	run("list", func(w *strings.Builder) error { return c.list(w, "", "alice", "", 10, false) }, 0, `"s-1"`, "live")
	run("revoke", func(w *strings.Builder) error { return c.revoke(w, operator.RevokeRequest{Session: "s-1"}, false) }, 0, "Revoked: the session")
	run("check", check, 1, "is answered 401 (revoked)", "NO  revocation", "its session is revoked")
	run("list", func(w *strings.Builder) error { return c.list(w, "", "alice", "", 10, false) }, 0, `"s-1"`, "revoked")
	run("list", func(w *strings.Builder) error { return c.count(w, false) }, 0, "1 revocations are held.", "session  1\ntoken    0\n")
	run("list of nobody", func(w *strings.Builder) error { return c.list(w, "", "bob", "", 10, false) }, 0, `No session of "bob"`)
	run("revoke nothing", func(w *strings.Builder) error { return c.revoke(w, operator.RevokeRequest{}, false) }, 1)
	run("as JSON", func(w *strings.Builder) error { return c.check(w, good, true) }, 1, `"reason":"revoked"`)
	away := client(func(time.Duration, string, string, any) ([]byte, error) { return nil, errors.New("connection refused") })
	run("check without a gate", func(w *strings.Builder) error { return away.check(w, good, false) }, 2)
	other := client(func(time.Duration, string, string, any) ([]byte, error) { return []byte("<html>"), nil })
	run("check of something else", func(w *strings.Builder) error { return other.check(w, good, false) }, 2)
}
