package documents

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/token/tokentest"
	"github.com/sessiongate/sessiongate/tests/harness"
)

// needsHandler is in Caddyfiles that need a handler of events, which is not part of the gate.
const needsHandler = "on session_revoked exec"

// Every block of the README and of docs is run by the test that is named here.
func TestEveryBlockOfTheREADMEIsRun(t *testing.T) {
	counted := map[string]int{}
	for _, block := range harness.Documented(t) {
		first, _, _ := strings.Cut(block.Text, "\n")
		switch {
		case block.Language == "caddyfile" && strings.Contains(block.Text, needsHandler):
			counted["events.TestAnEventStartsACommand"]++
		case block.Language == "caddyfile":
			counted["TestCaddyfilesOfTheREADMEAreValid"]++
		case executedBy(block) != "":
			counted["TestEveryExecutedBlockIsOnAPage"]++
		case first == "./xcaddy.sh run", strings.HasPrefix(first, "TOKEN="):
			counted["firstuse.TestRunOfAFreshCloneProposesARequestThatIsLetIn"]++
		case strings.HasPrefix(first, "curl -X DELETE "), block.Language == "javascript":
			counted["TestExamplesOfTheREADMEAreThoseOfTheAPIPage"]++
		case strings.HasPrefix(first, "go test -run '^$'"):
			counted["TestBenchmarksOfTheREADMERun"]++
		case strings.HasPrefix(first, "go test "):
			counted["TestProofsOfTheREADMERun"]++
		case strings.HasPrefix(first, "caddy session-gate "):
			counted["TestCommandsOfTheREADMEAreThoseOfOperators"]++
		case first == "./tests/run.sh":
			counted["this run"]++
		case first == "./tests/fuzz.sh 5m":
			counted["a step of this run, for a shorter time"]++
		case block.Language == "python", block.Language == "json":
			counted["TestTheWebhookIsAsDocumented"]++
		case block.Language == "text":
			counted["a drawing"]++
		default:
			t.Errorf("no test runs the block that begins with %q", first)
		}
	}
	for test, want := range map[string]int{
		"TestCaddyfilesOfTheREADMEAreValid":                        53,
		"firstuse.TestRunOfAFreshCloneProposesARequestThatIsLetIn": 2,
		"TestExamplesOfTheREADMEAreThoseOfTheAPIPage":              2,
		"TestBenchmarksOfTheREADMERun":                             4,
		"TestProofsOfTheREADMERun":                                 2,
		"TestCommandsOfTheREADMEAreThoseOfOperators":               4,
		"TestTheWebhookIsAsDocumented":                             2,
		"events.TestAnEventStartsACommand":                         1,
		"this run":                                                 1,
		"a step of this run, for a shorter time":                   1,
	} {
		if counted[test] != want {
			t.Errorf("%s runs %d blocks, want %d", test, counted[test], want)
		}
	}
}

func TestCaddyfilesOfTheREADMEAreValid(t *testing.T) {
	secrets := t.TempDir()
	for name, content := range map[string]string{
		"hmac": strings.Repeat("s", 32), "hmac.next": strings.Repeat("n", 32), "hook": strings.Repeat("s", 32),
		"redis": "password", "ca.pem": "read when the store is opened",
		"oauth-public.key": string(tokentest.NewKey(t, "RS256", "").PublicPEM(t)),
		// The public key of RFC 7517, appendix A.1.
		"jwks.json": `{"keys":[{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"sig","kid":"1"}]}`,
	} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, block := range harness.Documented(t) {
		if block.Language == "caddyfile" && !strings.Contains(block.Text, needsHandler) {
			checkCaddyfile(t, strings.ReplaceAll(block.Text, "/run/secrets", secrets))
		}
	}
}

// checkCaddyfile fails the test unless a Caddyfile is valid, and formatted.
func checkCaddyfile(t *testing.T, text string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Caddyfile")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, arguments := range [][]string{
		{"fmt", "--diff", file},
		{"validate", "--config", file, "--adapter", "caddyfile"},
	} {
		command := exec.Command(harness.Binary(t), arguments...)
		command.Env = append(os.Environ(), "XDG_DATA_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
		if output, err := command.CombinedOutput(); err != nil {
			t.Errorf("caddy %s of\n%s\n%v\n%s", arguments[0], text, err, output)
		}
	}
}

// The blocks that docs/api.md takes from the API page must be those that
// TestExamplesOfTheAPIPage and the browser run against the gate.
func TestExamplesOfTheREADMEAreThoseOfTheAPIPage(t *testing.T) {
	for name, language := range map[string]string{"invalidate_session.curl": "sh", "invalidate_session.js": "javascript"} {
		if !slices.Contains(harness.Documented(t), harness.Block{Language: language, Text: harness.Testdata(t, name)}) {
			t.Errorf("no page holds the example %s", name)
		}
	}
}

// The log filter in docs/operations.md must be the one that
// TestAFilterKeepsOutOfTheLogsWhatCaddyDoesNotHide uses.
func TestLogFilterOfTheREADMEIsTheOneThatIsTried(t *testing.T) {
	filter := harness.Testdata(t, "no_tokens.caddyfile")
	if !slices.ContainsFunc(harness.Documented(t), func(block harness.Block) bool {
		return block.Language == "caddyfile" && strings.HasPrefix(block.Text, filter)
	}) {
		t.Error("no Caddyfile of the pages begins with the filter")
	}
}
