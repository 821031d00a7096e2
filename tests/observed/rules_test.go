package observed

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

const rulesFile = "deploy/prometheus/session-gate.rules.yaml"

// shipped returns the path of a file of the repository.
func shipped(t *testing.T, name string) string {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, name)
}

// text returns the text of a file of the repository.
func text(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(shipped(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// promtool runs Prometheus' tool, which must succeed.
func promtool(t *testing.T, arguments ...string) {
	t.Helper()
	if output, err := exec.Command("promtool", arguments...).CombinedOutput(); err != nil {
		t.Errorf("running promtool %q: %v\n%s", arguments, err, output)
	}
}

// Each alert fires when it should, and not when operators would call it false.
func TestAlertsFireWhenTheyShould(t *testing.T) {
	t.Parallel()
	promtool(t, "check", "config", shipped(t, "deploy/prometheus/prometheus.yml")) // and its rules
	for _, tests := range []string{"session-gate.rules.test.yaml", "session-gate.days.test.yaml"} {
		promtool(t, "test", "rules", shipped(t, "deploy/prometheus/"+tests))
	}
}

var alerts = regexp.MustCompile(`(?m)^      - alert: (\w+)\n((?:        .*\n)+)`)

// Somebody who is woken up by an alert finds in it how bad it is, and what to do. A promtool
// test names the alert as one that fires, and as one that does not.
func TestAlertsSayWhatToDo(t *testing.T) {
	t.Parallel()
	page := text(t, "docs/operations.md")
	tests := text(t, "deploy/prometheus/session-gate.rules.test.yaml") + text(t, "deploy/prometheus/session-gate.days.test.yaml")
	found := alerts.FindAllStringSubmatch(text(t, rulesFile), -1)
	if len(found) < 10 {
		t.Fatalf("found %d alerts", len(found))
	}
	for _, alert := range found {
		name, body := alert[1], alert[2]
		for _, want := range []string{"severity: ", "summary: ", "description: "} {
			if !strings.Contains(body, want) {
				t.Errorf("%s has no %s", name, want)
			}
		}
		link := "https://github.com/sessiongate/sessiongate/blob/main/docs/operations.md#alert-" + strings.ToLower(name)
		if !strings.Contains(body, "runbook_url: "+link+"\n") {
			t.Errorf("%s does not link to %s", name, link)
		}
		if !strings.Contains(page, "\n### Alert: "+name+"\n") {
			t.Errorf("docs/operations.md has no heading for %s", name)
		}
		if !strings.Contains(tests, "alertname: "+name+"\n") || !strings.Contains(tests, "{alertname: "+name+", eval_time") {
			t.Errorf("no test of %s that it fires, or none that it does not", name)
		}
	}
}
