package observed

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sessiongate/sessiongate/tests/harness"
)

var update = flag.Bool("update", false, "write the tables of faults into docs/operations.md in place of checking them")

// observed is what is seen of one fault.
type observed struct {
	Fault                            string
	User, Logout                     string // the status of a request with a valid token, and of its DELETE
	Health                           health
	Livez, Startupz, Lenient, Strict string
	Log                              []string
	Metrics, Alerts                  []string
}

// health is what the command `health` says: its exit status, and the lines that say what is
// wrong.
type health struct {
	Exit  string
	Lines []string
}

// An operator finds in docs/operations.md what each fault looks like. So the faults are made
// around real gates, and the page must say what is seen then.
func TestThePageShowsFaultsAsTheyLook(t *testing.T) {
	t.Parallel()
	scenes := make([]*scene, 0, len(faults()))
	for _, f := range faults() {
		s := &scene{fault: f}
		f.start(s, t)
		scenes = append(scenes, s)
	}
	jobs := make(map[string][]string)
	for _, s := range scenes {
		if s.fault.begin != nil {
			harness.Recovers(t, s.gate, s.token("before"))
		}
		jobs[s.fault.name] = []string{s.gate.Addr()}
	}
	// A gate is fenced when it starts, so Prometheus begins after that.
	p := startPrometheus(t, scaled(text(t, rulesFile)), jobs)
	p.sees(t, len(scenes), "count_over_time(caddy_session_gate_fenced[1m]) >= 2")
	seen := make([]observed, len(scenes))
	t.Run("faults", func(t *testing.T) {
		for i, s := range scenes {
			t.Run(s.fault.name, func(t *testing.T) {
				t.Parallel()
				s.strike(t)
				seen[i] = s.observe(t, p)
			})
		}
	})
	if t.Failed() {
		return
	}
	for i, s := range scenes {
		// Other alerts than those that were waited for may have fired meanwhile.
		if !s.fault.silent {
			seen[i].Alerts = p.fired(t, s.fault.name)
		}
	}
	checkPage(t, tables(seen))
}

var (
	minutes = regexp.MustCompile(`\b(\d+)m\b`)
	hours   = regexp.MustCompile(`\b(\d+)h\b`)
)

// scaled returns rules in which a minute takes a second, and an hour a minute.
func scaled(rules string) string {
	return hours.ReplaceAllString(minutes.ReplaceAllString(rules, "${1}s"), "${1}m")
}

// checkPage compares the tables with those of the page, or writes them.
func checkPage(t *testing.T, want string) {
	t.Helper()
	root, err := harness.Root()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "docs", "operations.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- A test writes from here: go test ./tests/observed -run Faults -update -->\n", "<!-- to here. -->\n"
	head, rest, found := strings.Cut(string(text), begin)
	got, tail, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatalf("%s has no place for the tables of faults", path)
	}
	if *update {
		if err := os.WriteFile(path, []byte(head+begin+want+end+tail), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	shown, is := strings.Split(got, "\n"), strings.Split(want, "\n")
	for _, line := range is {
		if !slices.Contains(shown, line) {
			t.Errorf("%s lacks\n%s", path, line)
		}
	}
	if got != want {
		t.Errorf("%s does not show the faults as they look now; write the tables again by\n  go test ./tests/observed -run Faults -update", path)
	}
}

// tables returns the tables: first what users, probes and alerts show, to find the fault by,
// and then what the gate says about it.
func tables(seen []observed) string {
	var text strings.Builder
	text.WriteString("\n| fault | request | logout | `health` exits | `/livez` | `/startupz` | `/readyz` | … `strict` | alerts |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, o := range seen {
		var alerts []string
		for _, alert := range o.Alerts {
			alerts = append(alerts, fmt.Sprintf("[%s](#alert-%s)", strings.TrimPrefix(alert, "SessionGate"), strings.ToLower(alert)))
		}
		fmt.Fprintf(&text, "| %s | %s |\n", o.Fault, strings.Join([]string{
			o.User, o.Logout, o.Health.Exit, o.Livez, o.Startupz, o.Lenient, o.Strict, cell(alerts),
		}, " | "))
	}
	text.WriteString("\n| fault | `health` says | metrics | log |\n|---|---|---|---|\n")
	for _, o := range seen {
		fmt.Fprintf(&text, "| %s | %s | %s | %s |\n", o.Fault, cell(o.Health.Lines), cell(o.Metrics), cell(o.Log))
	}
	text.WriteString("\n")
	return text.String()
}

// cell returns the lines of a cell.
func cell(lines []string) string {
	if len(lines) == 0 {
		return "–"
	}
	return strings.ReplaceAll(strings.Join(lines, "<br>"), "|", `\|`)
}
