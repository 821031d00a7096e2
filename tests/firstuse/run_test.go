package firstuse

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// One command leads from a clone to an answer: it builds, creates a secret, starts, and
// prints a request that is admitted.
func TestRunOfAFreshCloneProposesARequestThatIsLetIn(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	dir := clone(t)
	ports := freePorts(t, 3)
	gate := xcaddy(ctx, t, dir, "run")
	gate.Env = append(gate.Env, "SESSION_GATE_PORT="+ports[0], "SESSION_GATE_OPS_PORT="+ports[1],
		"SESSION_GATE_UPSTREAM_PORT="+ports[2])
	// Long enough for the grace period of the gate.
	gate.WaitDelay = 15 * time.Second
	var log strings.Builder
	gate.Stderr = &log
	stdout, err := gate.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := gate.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		_ = gate.Wait()
		t.Fatalf("no line on stdout: %v\n%s", err, &log)
	}

	checkProposal(t, line)
	checkGuarded(t, "http://127.0.0.1:"+ports[0]+"/")
	checkLogout(t, tokenOf(t, line), "http://127.0.0.1:"+ports[0])
	checkKeptToItself(t, dir)
	checkQuickStart(t, dir, ports[0])

	// A system service stops it with this signal.
	if err := gate.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := gate.Wait(); err != nil {
		t.Errorf("gate ends with %v after SIGTERM\n%s", err, &log)
	}
	checkEnded(t, ports)
}

func checkProposal(t *testing.T, line string) {
	t.Helper()
	if !strings.HasPrefix(line, "curl ") {
		t.Fatalf("proposal is %q, want a curl command", line)
	}
	answer, err := exec.Command("bash", "-c", line).Output()
	if err != nil {
		t.Fatalf("running the proposal: %v", err)
	}
	if !strings.HasPrefix(string(answer), "HTTP/1.1 200 OK\r\n") {
		t.Errorf("proposal is answered %q, want 200", answer)
	}
	if !strings.Contains(string(answer), "user   alice\n") {
		t.Errorf("upstream answers %q, want whose request it was", answer)
	}
}

// A demo that admits everybody would show the same 200.
func checkGuarded(t *testing.T, url string) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusUnauthorized {
		t.Errorf("request without a token is answered %d, want 401", response.StatusCode)
	}
}

// Attack: another user of the machine, or a reader of the repository, reads the secret and
// mints tokens, or uses the admin API and stops the gate.
func checkKeptToItself(t *testing.T, dir string) {
	t.Helper()
	modes := map[string]os.FileMode{".dev": 0o700, ".dev/hmac_secret": 0o600, ".dev/admin.sock": 0o600}
	for name, want := range modes {
		stat, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := stat.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", name, got, want)
		}
	}
	secret, err := os.ReadFile(filepath.Join(dir, ".dev/hmac_secret"))
	if err != nil {
		t.Fatal(err)
	}
	if len(secret) != 64 {
		t.Errorf("secret has %d bytes, want 32 random ones in hex", len(secret))
	}
	if _, err := os.Stat(filepath.Join(dir, ".dev/revocations.db")); err != nil {
		t.Errorf("store: %v", err)
	}
	added, err := exec.Command("git", "-C", dir, "add", "--all", "--dry-run").Output()
	if err != nil {
		t.Fatal(err)
	}
	for entry := range strings.Lines(string(added)) {
		if strings.Contains(entry, "'.dev") || strings.Contains(entry, "'caddy'") {
			t.Errorf("git would take up what a run leaves behind: %s", entry)
		}
	}
}
