package architecture

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// A guarantee is only worth as much as its test, so each test that the page names must exist.
func TestEachTestOfTheGuaranteesExists(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs/guarantees.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, clocks, _ := strings.Cut(string(text), "\n## The clock of an issuer\n")
	clocks, _, _ = strings.Cut(clocks, "\n## ")
	rows := 0
	for line := range strings.Lines(clocks) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|-") || strings.TrimSpace(cells[0]) == "" {
			continue
		}
		rows++
		if len(cells) != 4 || !testName.MatchString(cells[3]) {
			t.Errorf("a row does not have a case, both clocks, and a test: %s", line)
		}
	}
	if rows == 0 {
		t.Error("no row about the clock of an issuer")
	}
	for _, named := range testName.FindAllStringSubmatch(string(text), -1) {
		name := named[1] + "." + named[2]
		if folder := strings.TrimSuffix(name, path.Ext(name)); !testNames(t, folder)[name] {
			t.Errorf("there is no test %s", name)
		}
	}
}
