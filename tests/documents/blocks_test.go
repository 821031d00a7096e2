package documents

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

// executed names the test that runs a block, by the beginning of the block.
var executed = map[string]string{
	checkToken:  "TestTheRunbookFindsWhyATokenIsRefused",
	probeLogout: "TestTheRunbookFindsWhatSlowsLogouts",
	cutStreams:  "TestTheRunbookFindsWhatEndsAStream",
	heldMemory:  "TestTheRunbookFindsWhatEndsAStream",
	"for try in 1 2 3 4 5 6 7 8; do\n\tcp /data/caddy":               "TestABackupOfABusyFileIsRestored",
	"cp /backup/revocations.db ":                                     "TestABackupOfABusyFileIsRestored",
	`printf '>%s' "$(cat /run/secrets/redis.next)"`:                  "TestRotationOfThePasswordOfRedis",
	"mv /run/secrets/redis.next ":                                    "TestRotationOfThePasswordOfRedis",
	"redis-cli CLIENT KILL USER gate":                                "TestRotationOfThePasswordOfRedis",
	`printf '>%s' "$(cat /run/secrets/redis)" | redis-cli -x ACL SE`: "TestRotationOfThePasswordOfRedis",
	"redis-cli ACL SAVE":                                             "TestRotationOfThePasswordOfRedis",
	"caddy reload --config /etc/caddy/Caddyfile --force":             "TestRotationOfAnHMACSecret",
	"redis-cli ACL SETUSER gate ":                                    "TestTheUserOfTheRedisPageServesAGate",
	"redis-cli -p 26379 ACL SETUSER gate ":                           "TestTheUserOfTheRedisPageServesAGate",
	"appendonly yes\n":                                               "TestPersistenceOfTheRedisPage",
	"caddy session-gate health\ncaddy session-gate lease ":           "TestAPlannedRestartOfRedisIsNotNoticed",
	"redis-cli -p 26379 SENTINEL FAILOVER mymaster":                  "TestAPlannedFailoverIsNotNoticed",
	"mv /run/secrets/hmac.next ":                                     "TestRotationOfAnHMACSecret",
}

// executedBy returns the test that runs a block, or nothing.
func executedBy(block harness.Block) string {
	for begin, test := range executed {
		if strings.HasPrefix(block.Text, begin) {
			return test
		}
	}
	return ""
}

func TestEveryExecutedBlockIsOnAPage(t *testing.T) {
	for begin, test := range executed {
		if !slices.ContainsFunc(harness.Documented(t), func(block harness.Block) bool { return strings.HasPrefix(block.Text, begin) }) {
			t.Errorf("%s runs a block that begins with %q, and no page has it", test, begin)
		}
	}
}

// shell runs blocks of the pages. Paths of the pages are replaced by those of the test.
type shell struct {
	dir   string   // of commands
	env   []string // of commands
	paths []string // pairs of a path in the pages, and the path of the test
}

// shellOf returns a shell in the directory of a gate, which is that of its secrets, too.
// redis-cli reaches the server at a port of this machine.
func shellOf(t *testing.T, g *harness.Gate, redisPort string, paths ...string) *shell {
	t.Helper()
	programs := t.TempDir()
	// The pages use the default address of the admin API.
	caddy := `case "$1 $2" in "session-gate repair" | reload*) ;; *) set -- "$@" --address unix/` + g.Dir() + "/admin.sock ;; esac\n"
	if err := os.WriteFile(filepath.Join(programs, "caddy"), []byte("#!/bin/sh\n"+caddy+"exec "+harness.Binary(t)+` "$@"`+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	redisCLI, err := exec.LookPath("redis-cli")
	if err != nil {
		t.Fatal("this test needs redis-cli; install it, on Debian with: apt-get install redis-tools")
	}
	script := "#!/bin/sh\nexec " + redisCLI + " -e -p " + redisPort + ` "$@"` + "\n"
	if err := os.WriteFile(filepath.Join(programs, "redis-cli"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return &shell{
		dir: g.Dir(), env: append(g.Env(), "PATH="+programs+":"+os.Getenv("PATH")),
		paths: append(paths, "/run/secrets", g.Dir(), "/etc/caddy", g.Dir()),
	}
}

// run runs the block of a page that begins with a text, and returns its output.
func (s *shell) run(t *testing.T, page, begin string) string {
	t.Helper()
	text := blockOf(t, page, begin)
	output, err := s.try(t, text)
	if err != nil {
		t.Fatalf("running\n%s%v\n%s", text, err, output)
	}
	return output
}

// blockOf returns the block of a page that begins with a text. The table of executed blocks
// must have it.
func blockOf(t *testing.T, page, begin string) string {
	t.Helper()
	for _, block := range harness.Blocks(t, page) {
		if !strings.HasPrefix(block.Text, begin) {
			continue
		}
		if executedBy(block) == "" {
			t.Fatalf("the table of executed blocks lacks %q", begin)
		}
		return block.Text
	}
	t.Fatalf("%s has no block that begins with %q", page, begin)
	return ""
}

// try runs commands with paths of the pages, and returns their output.
func (s *shell) try(t *testing.T, text string) (output string, err error) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh", "-e", "-u", "-c", strings.NewReplacer(s.paths...).Replace(text))
	command.Dir, command.Env = s.dir, s.env
	printed, err := command.CombinedOutput()
	return string(printed), err
}

// write writes a file of a test.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
