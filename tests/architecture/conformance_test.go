package architecture

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// conformance is the table of how the gate follows its standards.
const conformance = "docs/conformance.md"

// documents are the standards that the table must cover.
var documents = []string{
	"RFC 6750", "RFC 7515", "RFC 7519", "RFC 8725", "RFC 9068", "OpenID Connect Back-Channel Logout 1.0",
}

// clauseRow is one row of the table: a clause, what the gate does, and the tests that prove
// it.
type clauseRow struct {
	document, clause string
	tests            []string
}

var (
	heading  = regexp.MustCompile(`^## (RFC \d+|OpenID Connect [\w-]+ Logout 1\.0)`)
	testName = regexp.MustCompile("`([a-z0-9_./]+)\\.((?:Test|Fuzz)\\w+)`")
)

// clauseRows reads the rows of a conformance table. A row without a clause, without words
// or without a test is a fault.
func clauseRows(text string) (rows []clauseRow, faults []string) {
	document := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if found := heading.FindStringSubmatch(line); found != nil {
			document = found[1]
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|--") || strings.TrimSpace(cells[0]) == "clause" {
			continue
		}
		row := clauseRow{document: document, clause: strings.TrimSpace(cells[0])}
		for _, found := range testName.FindAllStringSubmatch(cells[len(cells)-1], -1) {
			row.tests = append(row.tests, found[1]+"."+found[2])
		}
		if len(cells) != 3 || document == "" || row.clause == "" || strings.TrimSpace(cells[1]) == "" || len(row.tests) == 0 {
			faults = append(faults, line)
		}
		rows = append(rows, row)
	}
	return rows, faults
}

// testNames returns the tests of the folder, as the table names them.
func testNames(tb testing.TB, folder string) map[string]bool {
	tb.Helper()
	files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(folder), "*_test.go"))
	if err != nil {
		tb.Fatal(err)
	}
	names := make(map[string]bool)
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			tb.Fatal(err)
		}
		for _, declared := range parsed.Decls {
			if function, ok := declared.(*ast.FuncDecl); ok && function.Recv == nil {
				names[folder+"."+function.Name.Name] = true
			}
		}
	}
	return names
}

// The table is only worth as much as its tests, so each named test must exist.
func TestEachTestOfTheConformanceTableExists(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, conformance))
	if err != nil {
		t.Fatal(err)
	}
	rows, faults := clauseRows(string(text))
	for _, fault := range faults {
		t.Errorf("a row does not have a clause, what the gate does, and a test: %s", fault)
	}
	there := make(map[string]map[string]bool)
	said := make(map[string]int)
	for _, row := range rows {
		said[row.document]++
		for _, name := range row.tests {
			folder := strings.TrimSuffix(name, path.Ext(name))
			if there[folder] == nil {
				there[folder] = testNames(t, folder)
			}
			if !there[folder][name] {
				t.Errorf("%s %s: there is no test %s", row.document, row.clause, name)
			}
		}
	}
	for _, document := range documents {
		if said[document] == 0 {
			t.Errorf("no row is about %s", document)
		}
	}
}

// This test checks that the check finds faults.
func TestFaultsOfTheConformanceTableAreFound(t *testing.T) {
	const rest = " | what it does | `tests.TestThere` |\n"
	for name, text := range map[string]string{
		"no document":       "| §1" + rest,
		"no clause":         "## RFC 1\n| " + rest,
		"no words":          "## RFC 1\n| §1 | | `tests.TestThere` |\n",
		"no test":           "## RFC 1\n| §1 | what it does | shown elsewhere |\n",
		"no folder":         "## RFC 1\n| §1 | what it does | `TestThere` |\n",
		"a cell too few":    "## RFC 1\n| §1 | `tests.TestThere` |\n",
		"a cell too many":   "## RFC 1\n| §1 | what | ever" + rest,
		"the test in words": "## RFC 1\n| §1 | `tests.TestThere` | what it does |\n",
	} {
		if _, faults := clauseRows(text); len(faults) != 1 {
			t.Errorf("%s: not found", name)
		}
	}
	rows, faults := clauseRows("## RFC 1\n| clause | the gate | tests |\n|---|---|---|\n| §1" + rest + "text\n")
	if len(rows) != 1 || len(faults) != 0 || len(rows[0].tests) != 1 || rows[0].document != "RFC 1" {
		t.Errorf("a sound table is read as %v, with faults %q", rows, faults)
	}
	if names := testNames(t, "tests/architecture"); !names["tests/architecture.TestImportsKeepTheirDirection"] || names["tests/architecture.TestMissing"] {
		t.Error("the tests of a folder are not those that it has")
	}
}
