package observed

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/caddymodule/metrics"
)

const boardFile = "deploy/grafana/session-gate.json"

// board is the part of a Grafana dashboard that these tests read.
type board struct {
	Inputs        []struct{ Name, Type string } `json:"__inputs"`
	UID, Title    string
	SchemaVersion int
	Templating    struct {
		List []struct{ Name, Type, AllValue string }
	}
	Panels []panel
}

// panel is a panel, or the title of a row.
type panel struct {
	Type, Title, Description string
	Grid                     struct{ H, W, X, Y int } `json:"gridPos"`
	FieldConfig              struct {
		Defaults struct {
			Unit     string
			Min, Max *float64
			Custom   struct {
				DrawStyle string
				Stacking  struct{ Mode string }
			}
			Thresholds struct {
				Steps []struct {
					Color string
					Value *float64
				}
			}
		}
	}
	Datasource struct{ UID string }
	Targets    []struct{ Expr, LegendFormat string }
}

// readBoard reads the board with its variables replaced, as for somebody who opens it.
func readBoard(t *testing.T, variables *strings.Replacer) (b board) {
	t.Helper()
	if err := json.Unmarshal([]byte(text(t, boardFile)), &b); err != nil {
		t.Fatalf("reading %s: %v", boardFile, err)
	}
	for _, p := range b.Panels {
		for i, target := range p.Targets {
			p.Targets[i].Expr = variables.Replace(target.Expr)
		}
	}
	return b
}

// everything chooses all gates.
var everything = strings.NewReplacer("$job", ".*", "$namespace", ".*", "$instance", ".*", "$__rate_interval", "5s")

// name finds the names of metrics, in expressions without strings.
var name = regexp.MustCompile(`\b(caddy|process|go|up|job_outcome:caddy)_[a-z0-9_:]+`)

// Grafana shows a broken board without a word: empty panels, or numbers without a unit.
func TestTheBoardCanBeImported(t *testing.T) {
	t.Parallel()
	b := readBoard(t, everything)
	if b.Title == "" || b.UID == "" || b.SchemaVersion < 36 || len(b.Inputs) != 1 || b.Inputs[0].Type != "datasource" {
		t.Errorf("the board has title %q, uid %q, schema %d and inputs %v", b.Title, b.UID, b.SchemaVersion, b.Inputs)
	}
	var variables []string
	for _, v := range b.Templating.List {
		variables = append(variables, v.Name)
		if v.Type == "query" && v.AllValue != ".*" {
			t.Errorf("all of the variable %s is %q, which leaves out gates without that label", v.Name, v.AllValue)
		}
	}
	if want := []string{"datasource", "job", "namespace", "instance"}; !slices.Equal(variables, want) {
		t.Errorf("variables are %q, want %q", variables, want)
	}
	var rules strings.Builder
	rules.WriteString("groups:\n  - name: board\n    rules:\n")
	shown := 0
	for _, p := range b.Panels {
		if p.Type == "row" {
			continue
		}
		shown++
		if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("panel %q lacks a title, a description, a unit, the data source of the board or an expression", p.Title)
		}
		for _, target := range p.Targets {
			fmt.Fprintf(&rules, "      - {record: a, expr: %q}\n", target.Expr)
			if strings.ContainsAny(target.Expr, "$") {
				t.Errorf("panel %q has a variable that the board does not have: %s", p.Title, target.Expr)
			}
		}
	}
	if shown < 20 {
		t.Errorf("the board has %d panels", shown)
	}
	// That Prometheus can parse the expressions.
	file := filepath.Join(t.TempDir(), "board.yaml")
	write(t, file, rules.String())
	promtool(t, "check", "rules", "--lint=none", file)
}

// panels finds the names of panels in the runbook.
var panels = regexp.MustCompile(`panels? \*([^*]+)\*(?: and \*([^*]+)\*)?`)

// Somebody who looks for a panel at night has to find it.
func TestTheRunbookNamesPanelsThatThereAre(t *testing.T) {
	t.Parallel()
	var titles []string
	for _, p := range readBoard(t, everything).Panels {
		titles = append(titles, p.Title)
	}
	found := panels.FindAllStringSubmatch(runbook(t), -1)
	for _, names := range found {
		for _, name := range names[1:] {
			if name != "" && !slices.Contains(titles, name) {
				t.Errorf("the board has no panel %q", name)
			}
		}
	}
	if len(found) < 8 {
		t.Errorf("found %d panels in the runbook", len(found))
	}
}

// An alert or a panel on a metric with a misspelt name is silent for ever.
func TestAlertsAndBoardNameMetricsThatGatesHave(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"process_cpu_seconds_total": true, "process_resident_memory_bytes": true}
	used := make(map[string]bool)
	for _, f := range metrics.Families() {
		known[f.Name] = true
		if f.Type == metrics.Histogram {
			known[f.Name+"_bucket"] = true
		}
	}
	expressions := text(t, rulesFile)
	for _, p := range readBoard(t, everything).Panels {
		for _, target := range p.Targets {
			expressions += "\n" + target.Expr
		}
	}
	for _, found := range name.FindAllString(expressions, -1) {
		found = strings.TrimSuffix(strings.TrimPrefix(found, "job_outcome:"), "_requests:rate10m")
		if used[found] = true; !known[found] && found != "caddy_session_gate" {
			t.Errorf("no gate has the metric %s", found)
		}
	}
	for _, f := range metrics.Families() {
		if !used[f.Name] && !used[f.Name+"_bucket"] {
			t.Errorf("neither an alert nor a panel shows %s", f.Name)
		}
	}
}
