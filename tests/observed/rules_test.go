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

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
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

// code finds what is written as code.
var code = regexp.MustCompile("`([^`]+)`")

// runbook is the part of docs/operations.md about the alerts.
func runbook(t *testing.T) string {
	t.Helper()
	_, page, found := strings.Cut(text(t, "docs/operations.md"), "\n## Alerts\n")
	if !found {
		t.Fatal("docs/operations.md has no runbook")
	}
	page, _, _ = strings.Cut(page, "\n## ")
	return strings.ReplaceAll(page, "\n  ", " ") // the lines of a bullet
}

// Somebody who looks for a log line at night has to find it.
func TestTheRunbookNamesLogLinesThatThereAre(t *testing.T) {
	t.Parallel()
	messages, lines := text(t, "docs/logs.md"), 0
	for _, found := range code.FindAllStringSubmatch(runbook(t), -1) {
		program, _, _ := strings.Cut(found[1], " ")
		if program == "caddy" || strings.Count(found[1], " ") < 2 {
			continue // a command or a name
		}
		lines++
		if !strings.Contains(messages, "| `"+found[1]) {
			t.Errorf("no log message begins with %q", found[1])
		}
	}
	if lines < 10 {
		t.Errorf("found %d log lines in the runbook", lines)
	}
}
