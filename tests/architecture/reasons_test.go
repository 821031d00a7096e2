package architecture

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"strings"
	"testing"
)

// because finds the reasons that denials have.
var because = regexp.MustCompile(`\.Because\("([a-z_]+)"\)`)

// Fault: somebody adds a reason to refuse requests. The metrics count it among the answers of the
// gate's own paths, its lines share their bucket with others, and no page names it.
func TestEveryReasonIsCountedLoggedAndNamed(t *testing.T) {
	repository := os.DirFS(root)
	files, err := sources(repository)
	if err != nil {
		t.Fatal(err)
	}
	reasons := make(map[string]bool)
	for _, file := range files {
		if file.test() || path.Ext(file.name) != ".go" || isWithin(file.folder(), "tests") {
			continue
		}
		content, err := fs.ReadFile(repository, file.name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range because.FindAllStringSubmatch(string(content), -1) {
			reasons[found[1]] = true
		}
	}
	if len(reasons) < 10 {
		t.Errorf("found the reasons %v, want 10 or more", reasons)
	}
	for name, quote := range map[string]string{
		"caddymodule/metrics/outcome.go": `"`, "caddymodule/refusals/refusals.go": `"`, "docs/metrics.md": "`", "docs/operations.md": "`",
	} {
		content, err := fs.ReadFile(repository, name)
		if err != nil {
			t.Fatal(err)
		}
		for reason := range reasons {
			if !strings.Contains(string(content), quote+reason+quote) {
				t.Errorf("%s does not name the reason %s", name, reason)
			}
		}
	}
}
