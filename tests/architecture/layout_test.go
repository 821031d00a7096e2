package architecture

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// maxLines is the most lines of a file. A longer one holds more than one concept.
const maxLines = 300

// topLevel lists the files and folders at the top, without hidden ones. A reader should see
// the contents of the repository at one look.
var topLevel = map[string]bool{
	"caddymodule":  true,
	"store":        true,
	"tests":        true,
	"deploy":       true,
	"docs":         true,
	"tools":        true,
	"plugin.go":    true,
	"Caddyfile":    true,
	"xcaddy.sh":    true,
	"go.mod":       true,
	"go.sum":       true,
	"README.md":    true,
	"LICENSE":      true,
	"SECURITY.md":  true,
	"CHANGELOG.md": true,
	// Built by xcaddy.sh, ignored by git.
	"caddy": true,
}

func longFiles(files []source) []string {
	var long []string
	for _, file := range files {
		if file.lines > maxLines {
			long = append(long, fmt.Sprintf("%s has %d lines, %d at most", file.name, file.lines, maxLines))
		}
	}
	return long
}

func TestFilesAreOneConceptEach(t *testing.T) {
	files, err := sources(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, long := range longFiles(files) {
		t.Error(long)
	}
}

func TestTopLevelHasOnlyWhatBelongsThere(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if name := entry.Name(); name[0] != '.' && !topLevel[name] {
			t.Errorf("%q stands at the top of the repository", name)
		}
	}
}

// Other modules of the repository have their own imports, but the same limit of lines.
func TestSourcesOfOtherModulesAreMeasuredToo(t *testing.T) {
	long := []byte("package p\n\nimport _ \"example.com/new\"\n" + strings.Repeat("\n", maxLines))
	files, err := sources(fstest.MapFS{
		"tests/other/go.mod":        {Data: []byte("module example.com/other\n")},
		"tests/other/deep/x.go":     {Data: long},
		"tests/other/testdata/x.go": {Data: long},
		".hidden/x.go":              {Data: long},
		"tests/long.sh":             {Data: long},
		"tests/long.txt":            {Data: long},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := longFiles(files); len(got) != 2 {
		t.Errorf("long files found: %q, want the Go file and the shell script", got)
	}
	for _, file := range files {
		if len(file.imports) > 0 {
			t.Errorf("%s: imports of another module were read", file.name)
		}
	}
}
