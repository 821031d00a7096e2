package architecture

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shipped are the words that every configuration has that people run as it is.
var shipped = map[string]*regexp.Regexp{
	"the global option metrics":       regexp.MustCompile(`(?m)^\s*metrics$`),
	"an access log without queries":   regexp.MustCompile(`(?s)\n\s*log \{\n\s*format filter \{\n\s*request>uri regexp "\\\?\.\*" ""\n`),
	"/metrics at the port of probes":  regexp.MustCompile(`handle /metrics \{\n\s*metrics\n`),
	"a grace period for its requests": regexp.MustCompile(`(?m)^\s*grace_period `),
}

// Fault: a team runs what is shipped, and cannot see what the gate does.
func TestShippedConfigurationsCanBeWatched(t *testing.T) {
	var files []string
	for _, top := range []string{"Caddyfile", "deploy"} {
		if err := filepath.WalkDir(filepath.Join(root, top), func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			files = append(files, name)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	found := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "session_gate {\n") {
			continue
		}
		found++
		for what, words := range shipped {
			if !words.Match(text) {
				t.Errorf("%s lacks %s", name, what)
			}
		}
	}
	if found < 2 {
		t.Errorf("found %d configurations, want that of the repository and that of Kubernetes", found)
	}
}
