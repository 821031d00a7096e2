package architecture

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/packages.md in place of checking it")

// listed is the description of a package by `go list`.
type listed struct {
	ImportPath, Doc string
	Imports, Deps   []string
}

func (l listed) folder() string {
	return strings.TrimPrefix(strings.TrimPrefix(l.ImportPath, module), "/")
}

// product returns the packages that users build. A package comes before the packages that
// it imports.
func product(t *testing.T) (packages []listed) {
	t.Helper()
	output := command(t, ".", "list", "-json=ImportPath,Doc,Imports,Deps", "./...")
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var l listed
		switch err := decoder.Decode(&l); {
		case errors.Is(err, io.EOF):
			slices.SortStableFunc(packages, func(a, b listed) int { return len(ours(b.Deps)) - len(ours(a.Deps)) })
			return packages
		case err != nil:
			t.Fatal(err)
		case !isWithin(l.folder(), "tests") && !isWithin(l.folder(), "store/storetest") && !support(l.folder()) && l.Doc != "":
			packages = append(packages, l)
		}
	}
}

// ours returns the folders of those imports that belong to this project.
func ours(imports []string) (folders []string) {
	for _, imported := range imports {
		if isWithin(imported, module) {
			folders = append(folders, strings.TrimPrefix(strings.TrimPrefix(imported, module), "/"))
		}
	}
	return folders
}

// row returns the row of a package in docs/packages.md.
func (l listed) row() string {
	_, purpose, _ := strings.Cut(strings.TrimSuffix(l.Doc, "."), " ") // Package
	_, purpose, _ = strings.Cut(purpose, " ")                         // its name
	name, link := "the root", "../"
	if folder := l.folder(); folder != "" {
		name, link = "`"+folder+"`", "../"+folder
	}
	imports := "–"
	if folders := ours(l.Imports); len(folders) > 0 {
		imports = "`" + strings.Join(folders, "`, `") + "`"
	}
	caddy := ""
	if slices.Contains(l.Deps, "github.com/caddyserver/caddy/v2") {
		caddy = "yes"
	}
	return fmt.Sprintf("| [%s](%s) | %s | %s | %s |\n", name, link, purpose, imports, caddy)
}

// The page of the packages must agree with `go list`.
func TestThePageOfThePackagesIsTrue(t *testing.T) {
	var table strings.Builder
	for _, l := range product(t) {
		table.WriteString(l.row())
	}
	page := filepath.Join(root, "docs", "packages.md")
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const rule = "|---|---|---|---|\n"
	head, _, found := strings.Cut(string(text), rule)
	if !found {
		t.Fatalf("%s has no table of four columns", page)
	}
	want := head + rule + table.String()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(text) != want {
		t.Errorf("%s is not what go list says; write it again by\n  go test ./tests/architecture -run Packages -update", page)
	}
}
