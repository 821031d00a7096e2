package documents

import (
	"bytes"
	"os/exec"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/answers"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// output runs a program and returns its stdout.
func output(t *testing.T, input, program string, arguments ...string) string {
	t.Helper()
	command := exec.Command(program, arguments...)
	var complaint bytes.Buffer
	command.Stdin, command.Stderr = strings.NewReader(input), &complaint
	out, err := command.Output()
	if err != nil {
		t.Fatalf("running %s: %v\n%s", program, err, complaint.String())
	}
	return string(out)
}

// The examples end the session that they name, for a caller in another session of the same
// subject and for a caller in that session.
func TestExamplesOfTheAPIPage(t *testing.T) {
	const message = "Session invalidated successfully."
	for name, c := range map[string]struct {
		run  func(t *testing.T, g *harness.Gate, token string) string
		want string
	}{
		"curl": {
			func(t *testing.T, g *harness.Gate, token string) string {
				return output(t, harness.Example(t, "invalidate_session.curl", g, token), "sh")
			},
			`{"message":"` + message + `","session_id":"` + harness.ExampleSession + `"}`,
		},
		"fetch of Node.js": {
			func(t *testing.T, g *harness.Gate, token string) string {
				return output(t, harness.Example(t, "invalidate_session.js", g, token), "node", "--input-type=module", "-")
			},
			message + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			harness.EachStore(t, func(t *testing.T, store string) {
				g := harness.Start(t, harness.Config{Store: store})
				token := g.Token(harness.Session(harness.ExampleSession))
				harness.See(t, g, token)
				if got := c.run(t, g, g.Token(harness.Session("another"))); got != c.want {
					t.Errorf("example prints %q, want %q", got, c.want)
				}
				answers.BadToken.Check(t, harness.Get(t, g, token))
				harness.CheckAdmitted(t, harness.Get(t, g, g.Token(harness.Session("another"))))
			})
			t.Run("of the caller's own session", func(t *testing.T) {
				g := harness.Start(t, harness.Config{})
				token := g.Token(harness.Session(harness.ExampleSession))
				if got := c.run(t, g, token); got != c.want {
					t.Errorf("example prints %q, want %q", got, c.want)
				}
				answers.BadToken.Check(t, harness.Get(t, g, token))
			})
		})
	}
}
