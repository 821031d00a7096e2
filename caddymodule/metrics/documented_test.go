package metrics

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/metrics/metricstest"
)

// row is a row of the table in docs/metrics.md.
var row = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (counter|gauge|histogram) \\| ([^|]*)\\| (.*) \\|$")

// Fault: a metric is renamed, and the alerts of those who read the documentation are silent.
func TestTheDocumentationListsTheMetrics(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := row.FindAllStringSubmatch(string(text), -1)
	all := Families()
	if len(rows) != len(all) {
		t.Errorf("the table has %d rows, want %d", len(rows), len(all))
	}
	for i := range min(len(rows), len(all)) {
		labels := regexp.MustCompile("[a-z_]+").FindAllString(rows[i][3], -1)
		if f := all[i]; prefix+rows[i][1] != f.Name || rows[i][2] != string(f.Type) || !slices.Equal(labels, f.Labels) {
			t.Errorf("row %d is %q, want %s %s %v", i, rows[i][:4], f.Name, f.Type, f.Labels)
		}
	}
}

// Each value of each label is in the documentation.
func TestTheDocumentationListsTheLabels(t *testing.T) {
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	about := make(map[string]string)
	for _, r := range row.FindAllStringSubmatch(string(text), -1) {
		about[r[1]] = r[4]
	}
	_, outcomes, _ := strings.Cut(string(text), "## Outcomes")
	about["requests_total"] = outcomes
	about["revocations_held"] = about["revocations_total"]
	c, _ := newCollector(t, "https://a")
	value := regexp.MustCompile(`([a-z]+)="([^"]*)"`)
	for key := range metricstest.Collect(t, c) {
		name, labels, _ := strings.Cut(key, "{")
		for _, label := range value.FindAllStringSubmatch(labels, -1) {
			if label[1] != "issuer" && label[1] != "le" && !strings.Contains(about[name], "`"+label[2]+"`") {
				t.Errorf("docs/metrics.md does not tell what %s of %s means", label[0], name)
			}
		}
	}
}
