package tests

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// exampleSession is the session that the examples of the API page end.
const exampleSession = "1234567890"

// example is an example of the API page, verbatim but for the host and the token.
func example(t *testing.T, name string, g *harness.Gate, token string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("https://api.example.com", g.URL(""), "your_access_token", token).Replace(string(text))
}

// output runs a program and returns what it writes to stdout.
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

// The examples end the session that they name, for a caller in another session
// of the same subject and for one in that very session.
func TestExamplesOfTheAPIPage(t *testing.T) {
	const message = "Session invalidated successfully."
	for name, c := range map[string]struct {
		run  func(t *testing.T, g *harness.Gate, token string) string
		want string
	}{
		"curl": {
			func(t *testing.T, g *harness.Gate, token string) string {
				return output(t, example(t, "invalidate_session.curl", g, token), "sh")
			},
			`{"message":"` + message + `","session_id":"` + exampleSession + `"}`,
		},
		"fetch of Node.js": {
			func(t *testing.T, g *harness.Gate, token string) string {
				return output(t, example(t, "invalidate_session.js", g, token), "node", "--input-type=module", "-")
			},
			message + "\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			harness.EachStore(t, func(t *testing.T, store string) {
				g := harness.Start(t, harness.Config{Store: store})
				token := g.Token(session(exampleSession))
				see(t, g, token)
				if got := c.run(t, g, g.Token(session("another"))); got != c.want {
					t.Errorf("example prints %q, want %q", got, c.want)
				}
				badToken.check(t, get(t, g, token))
				checkAdmitted(t, get(t, g, g.Token(session("another"))))
			})
			t.Run("of the caller's own session", func(t *testing.T) {
				g := harness.Start(t, harness.Config{})
				token := g.Token(session(exampleSession))
				if got := c.run(t, g, token); got != c.want {
					t.Errorf("example prints %q, want %q", got, c.want)
				}
				badToken.check(t, get(t, g, token))
			})
		})
	}
}
